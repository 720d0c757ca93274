package cluster

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve starts an HTTP/2 server and a load for it.
func serve(t *testing.T, handler http.HandlerFunc) *load {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	l, err := newLoad(server.URL, ca, "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

func numbered(i int) request {
	return request{method: http.MethodPost, path: "/" + strconv.Itoa(i), contentType: typeJSON, body: []byte("{}"), want: http.StatusCreated}
}

func TestRun(t *testing.T) {
	var mu sync.Mutex
	paths, peers := map[string]int{}, map[string]bool{}
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.ProtoMajor != 2 || r.Method != http.MethodPost || string(body) != "{}" || err != nil ||
			r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != typeJSON ||
			r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("%s %s %s %q %v: %v", r.Proto, r.Method, r.URL, body, err, r.Header)
		}
		mu.Lock()
		defer mu.Unlock()
		paths[r.URL.Path]++
		peers[r.RemoteAddr] = true
		w.WriteHeader(http.StatusCreated)
	})
	if err := l.connect(t.Context(), numbered(-1)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, workers - 1, 500} {
		clear(paths)
		r, err := l.run(t.Context(), n, numbered)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.latencies) != n || len(paths) != n || r.took < r.percentile(100) {
			t.Errorf("%d requests: %d latencies, %d paths, %v in all, %v the longest", n, len(r.latencies), len(paths), r.took, r.percentile(100))
		}
		for path, times := range paths {
			if times != 1 {
				t.Errorf("%s was sent %d times", path, times)
			}
		}
	}
	if len(peers) != connections {
		t.Errorf("%d connections, want %d", len(peers), connections)
	}
}

func TestRunWrongStatus(t *testing.T) {
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/70" {
			http.Error(w, "slow down", http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	_, err := l.run(t.Context(), 100, numbered)
	if err == nil || !strings.Contains(err.Error(), "POST /70: status 429, want 201: slow down") {
		t.Errorf("run = %v", err)
	}
}

func TestRunCutAnswer(t *testing.T) {
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.(http.Flusher).Flush()
		if r.URL.Path == "/7" {
			panic(http.ErrAbortHandler)
		}
	})
	_, err := l.run(t.Context(), 10, numbered)
	if err == nil || !strings.Contains(err.Error(), "POST /7: ") {
		t.Errorf("run = %v", err)
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	})
	if _, err := l.run(ctx, 100, numbered); !errors.Is(err, why) {
		t.Errorf("run = %v", err)
	}
}

func TestConnectWantsHTTP2(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	l, err := newLoad(server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.connect(t.Context(), numbered(0)); err == nil || !strings.Contains(err.Error(), "not over HTTP/2") {
		t.Errorf("connect = %v", err)
	}
}

func TestLoadWantsCA(t *testing.T) {
	if _, err := newLoad("https://127.0.0.1", []byte("none"), "secret"); err == nil {
		t.Error("no error")
	}
}

func TestPercentile(t *testing.T) {
	r := result{latencies: make([]time.Duration, 200)}
	for i := range r.latencies {
		r.latencies[i] = time.Duration(i + 1)
	}
	for p, want := range map[int]time.Duration{0: 1, 1: 2, 50: 100, 99: 198, 100: 200} {
		if got := r.percentile(p); got != want {
			t.Errorf("percentile %d of 1 to 200 = %d, want %d", p, got, want)
		}
	}
	if got := (result{latencies: []time.Duration{7}}).percentile(50); got != 7 {
		t.Errorf("the median of 7 = %d", got)
	}
}
