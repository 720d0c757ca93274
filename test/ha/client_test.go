package ha

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// testClient is a client of a server over TLS, with HTTP/2.
func testClient(t *testing.T, h http.Handler) *client {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	c, err := newClient(srv.URL, ca, "token", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.reconnect)
	return c
}

// TestAsk asks a real server, because what an error looks like is net/http's own affair.
func TestAsk(t *testing.T) {
	c := testClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			fmt.Fprint(w, r.Header.Get("Authorization"), r.Method, r.Proto)
		case "/down":
			w.Header().Set("Retry-After", "5")
			http.Error(w, "apiserver is shutting down", http.StatusServiceUnavailable)
		case "/503":
			w.Header().Set("Retry-After", "5")
			http.Error(w, "something else", http.StatusServiceUnavailable)
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/cut":
			fmt.Fprint(w, "begun")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	for path, want := range map[string]string{
		"/ok": "", "/down": turnedAway, "/503": "HTTP status 503", "/reset": streamReset, "/cut": cutOff,
	} {
		got, kind, err := c.ask(t.Context(), "PUT", path, "", "")
		if kind != want || (err == nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", path, kind, err, want)
		}
		if want == "" && string(got) != "Bearer tokenPUTHTTP/2.0" {
			t.Errorf("%s: %q", path, got)
		}
	}
	gone := *c
	gone.url = "https://127.0.0.1:1"
	if _, kind, err := gone.ask(t.Context(), "GET", "/", "", ""); kind != noConnection || err == nil {
		t.Errorf("nobody listens: %q, %v", kind, err)
	}
	if _, err := newClient("", []byte("no certificate"), "", false); err == nil || !strings.Contains(err.Error(), "not a PEM") {
		t.Errorf("no certificate: %v", err)
	}
}

// TestAskHTTP1: a connection that ends without an answer, a new one and one that has been used.
func TestAskHTTP1(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	c, err := newClient(srv.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), "", true)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct{ path, want string }{{"/end", noAnswer}, {"/", ""}, {"/end", crossed}} {
		if _, kind, err := c.ask(t.Context(), "POST", step.path, "", ""); kind != step.want {
			t.Errorf("%d: got %q, %v; want %q", i, kind, err, step.want)
		}
	}
}
