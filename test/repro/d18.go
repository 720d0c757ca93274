package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D18",
		Title: "Flush before the first Write sends no headers, and a 504 is put after it",
		run:   flushFirst,
	})
}

// flushFirst has a handler flush its headers before it writes, and another one
// not write at all before its deadline: behind the whole chain, where tracing
// may turn a Flush into a WriteHeader, and behind the timeout filter of a chain
// without it.
func flushFirst(ctx context.Context) (Result, error) {
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-From-Handler", "yes")
		w.Header().Set("Content-Type", "text/x-stream")
		w.(http.Flusher).Flush()
		if r.URL.Path == "/api/silent" {
			<-release
			return
		}
		fmt.Fprintln(w, "the answer")
	})
	defer close(release)

	var wrong, right []string
	for _, behind := range []struct {
		name  string
		start func() (*chain.Server, error)
	}{
		{"whole chain", func() (*chain.Server, error) { return chain.Start(chain.Config{Handler: handler}) }},
		{"filter alone", func() (*chain.Server, error) { return chain.Serve(timeoutFilter(handler)) }},
	} {
		s, err := behind.start()
		if err != nil {
			return Result{}, err
		}
		bad, good, err := flushes(ctx, s)
		s.Stop()
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", behind.name, err)
		}
		for _, what := range bad {
			wrong = append(wrong, behind.name+", "+what)
		}
		for _, what := range good {
			right = append(right, behind.name+", "+what)
		}
	}
	if len(wrong) > 0 {
		return Result{Defect: true, Seen: strings.Join(wrong, "; ")}, nil
	}
	return Result{Seen: strings.Join(right, "; ")}, nil
}

// flushes asks both handlers over both protocols, and says what was wrong and
// what was right.
func flushes(ctx context.Context, s *chain.Server) (wrong, right []string, err error) {
	for _, proto := range protocols {
		client := s.Client(proto)
		defer client.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/flush", nil)
		if err != nil {
			return nil, nil, err
		}
		a := ask(client, req)
		if a.err != nil || a.status != http.StatusOK || string(a.body) != "the answer\n" {
			return nil, nil, fmt.Errorf("%s: a flushed answer was %v: %q", proto, a, a.body)
		}
		if a.header.Get("X-From-Handler") != "yes" || a.header.Get("Content-Type") != "text/x-stream" {
			wrong = append(wrong, proto+": the headers were lost")
		} else {
			right = append(right, proto+": the headers came")
		}

		req, err = http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/silent?timeout=300ms", nil)
		if err != nil {
			return nil, nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			// It was flushed well before the deadline.
			wrong = append(wrong, fmt.Sprintf("%s: %s in place of the flushed 200", proto, end(err)))
			continue
		}
		body := make(chan answer, 1)
		go func() {
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			body <- answer{status: res.StatusCode, body: b, err: err}
		}()
		select {
		case a = <-body:
		case <-time.After(5 * time.Second):
			wrong = append(wrong, proto+": nothing came at the deadline, after a flushed 200")
			res.Body.Close()
			continue
		}
		switch {
		case a.err == nil:
			wrong = append(wrong, fmt.Sprintf("%s: a whole %d at the deadline, with a body of %q", proto, a.status, shorten(string(a.body))))
		case len(a.body) > 0:
			wrong = append(wrong, fmt.Sprintf("%s: %v at the deadline, after a body of %q", proto, a, shorten(string(a.body))))
		default:
			right = append(right, fmt.Sprintf("%s: %v at the deadline", proto, a))
		}
	}
	return wrong, right, nil
}

// shorten keeps the beginning of a long text.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
