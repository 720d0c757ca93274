package sidebyside

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// serve starts a server of both protocols. What is asked for by the probe has to have the probe's authorization.
func serve(t *testing.T, handler http.HandlerFunc) target {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != probePath {
			handler(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer probe" {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "ok")
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return target{url: srv.URL, addr: u.Host, roots: roots, probe: identity{"Bearer probe"}}
}

// TestConn has a server do each thing that may become of an answer and of the connection.
func TestConn(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain":
			fmt.Fprintf(w, "plain, by %s, for %s", r.Header.Get("Audit-Id"), r.Header.Get("Authorization"))
		case "/close":
			w.Header().Set("Connection", "close")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/cut":
			fmt.Fprint(w, "half of ")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/early":
			w.Header().Set("X-Early", "1")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		case "/echo":
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %d %v", body, r.ContentLength, r.TransferEncoding)
		case "/refuse":
			w.WriteHeader(http.StatusForbidden)
		case "/trailer":
			w.Header().Set("Trailer", "X-Sum")
			fmt.Fprint(w, "body")
			w.Header().Set("X-Sum", "42")
		}
	})
	type want struct {
		status           int
		body, after, err string
		informational    string
	}
	for _, test := range []struct {
		step
		http1, http2 want
	}{
		{step{name: "plain", path: "/plain"},
			want{status: 200, body: "plain, by plain, for Bearer me", after: kept}, want{status: 200, body: "plain, by plain, for Bearer me", after: kept}},
		{step{name: "close", path: "/close"}, want{status: 200, after: closed}, want{status: 200, after: gone}},
		{step{name: "abort", path: "/abort"},
			want{after: unannounced, err: "in place of an answer: unexpected EOF"},
			want{after: kept, err: "in place of an answer: stream error"}},
		{step{name: "cut", path: "/cut"},
			want{status: 200, body: "half of ", after: unannounced, err: "in the body: unexpected EOF"},
			want{status: 200, body: "half of ", after: kept, err: "in the body: stream error"}},
		{step{name: "early", path: "/early"},
			want{status: 418, after: kept, informational: "103 X-Early: 1"}, want{status: 418, after: kept, informational: "103 X-Early: 1"}},
		{step{name: "body", method: "POST", path: "/echo", body: "hello"}, want{status: 200, body: "hello 5 []", after: kept}, want{status: 200, body: "hello 5 []", after: kept}},
		{step{name: "chunked", method: "POST", path: "/echo", body: "hello", chunked: true},
			want{status: 200, body: "hello -1 [chunked]", after: kept}, want{status: 200, body: "hello -1 []", after: kept}},
		{step{name: "expect", method: "POST", path: "/echo", body: "hello", expect: true},
			want{status: 200, body: "hello 5 []", after: kept, informational: "100"}, want{status: 200, body: "hello 5 []", after: kept, informational: ""}},
		{step{name: "refused", method: "POST", path: "/refuse", body: strings.Repeat("x", 1<<20)}, want{status: 403, after: closed}, want{status: 403, after: kept}},
		{step{name: "leaving", path: "/plain", hangUp: true},
			want{status: 200, body: "plain, by leaving, for Bearer me", after: hungUp}, want{status: 200, body: "plain, by leaving, for Bearer me", after: hungUp}},
	} {
		for p, want := range map[protocol]want{http1: test.http1, http2: test.http2} {
			c := target.conn(p)
			for range 2 { // The second time on what the first has left.
				answers, err := c.send(t.Context(), mustBeOver(t, test.step, p), test.name, identity{"Bearer me"})
				if err != nil {
					t.Errorf("%s over %s: %v", test.name, p, err)
					continue
				}
				a := answers[0]
				if a.status != want.status || string(a.body) != want.body || a.after != want.after || !strings.HasPrefix(a.err, want.err) ||
					want.err == "" && a.err != "" || p == http1 && strings.Join(a.informational, ",") != want.informational {
					t.Errorf("%s over %s: got %d %q %q, %q, %q; want %+v", test.name, p, a.status, a.informational, a.body, a.err, a.after, want)
				}
			}
			c.close()
		}
	}
	for _, p := range []protocol{http1, http2} {
		c := target.conn(p)
		answers, err := c.send(t.Context(), mustBeOver(t, step{name: "trailer", path: "/trailer"}, p), "trailer", identity{})
		if err != nil || answers[0].trailer.Get("X-Sum") != "42" {
			t.Errorf("trailer over %s: got %v, %v", p, answers, err)
		}
		c.close()
	}
}

func TestRaw(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	c := target.conn(http1)
	defer c.close()
	s := step{name: "raw", raw: "GET /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\n", answers: 2}
	answers, err := c.send(t.Context(), s, "raw", identity{})
	if err != nil || len(answers) != 2 || string(answers[0].body) != "/a" || string(answers[1].body) != "/b" || answers[1].after != kept {
		t.Fatalf("got %v, %v", answers, err)
	}
	s = step{name: "old", raw: "GET /a HTTP/1.0\n\n", answers: 1}
	answers, err = c.send(t.Context(), s, "old", identity{})
	if err != nil || string(answers[0].body) != "/a" || answers[0].after != closed {
		t.Fatalf("got %v, %v", answers, err)
	}
}

// TestSmuggled has a server that takes the rest of a body for the next request.
func TestSmuggled(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		defer server.Close()
		buf := make([]byte, 4096)
		server.Read(buf)
		fmt.Fprint(server, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		server.Read(buf)
		fmt.Fprint(server, "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nxxx")
	}()
	c := &conn1{target: target{url: "https://side"}}
	c.take(client)
	answers, err := c.send(context.Background(), step{method: "GET", path: "/", answers: 1}, "x", identity{})
	if err != nil || answers[0].status != 403 || !strings.HasPrefix(answers[0].after, "gives the next request a 400") {
		t.Errorf("got %+v, %v", answers, err)
	}
}

func mustBeOver(t *testing.T, s step, p protocol) step {
	t.Helper()
	s, err := s.over(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
