package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestClassify asks a real HTTP/2 server, because what an error looks like there is net/http's own affair.
func TestClassify(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			w.Header().Add("Warning", "299 - a")
		case "/504":
			w.WriteHeader(http.StatusGatewayTimeout)
		case "/429":
			http.Error(w, "later", http.StatusTooManyRequests)
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/reset-late":
			fmt.Fprint(w, "begun")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/hang":
			<-hang
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	defer close(hang)
	client := srv.Client()

	for _, test := range []struct {
		path   string
		want   outcome
		detail string
	}{
		{"/ok", answered, ""},
		{"/bare", short, "HTTP status 200 with 0 warnings in place of 1"},
		{"/504", timedOut, ""},
		{"/429", other, "HTTP status 429: later\n"},
		{"/reset", reset, ""},
		{"/reset-late", reset, ""},
		{"/hang", silent, ""},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if test.want == silent {
			ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		got, detail := classify(resp, err, 1)
		cancel()
		if got != test.want || detail != test.detail {
			t.Errorf("%s: got outcome %d, %q; want %d, %q", test.path, got, detail, test.want, test.detail)
		}
	}

	gone := httptest.NewServer(nil)
	gone.Close()
	resp, err := http.Get(gone.URL)
	if got, _ := classify(resp, err, 1); got != unreachable {
		t.Errorf("no listener: got outcome %d (%v)", got, err)
	}
}
