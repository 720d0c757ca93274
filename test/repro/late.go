package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"fork.internal/apiserver/test/chain"
)

// late is what came of a writer's use by a goroutine that its handler had left
// behind, tried once while the next request on the connection is being served.
type late struct {
	// err is what the goroutine got, and panicked whether it panicked.
	err      error
	panicked bool
	// next is what the next, innocent request was answered.
	next answer
}

// lateAnswer is what the innocent request should be answered.
const lateAnswer = "innocent\n"

// useLate sends two requests on one connection. The handler of the first one
// leaves a goroutine behind that calls use with its ResponseWriter when the
// second one is being served. What that panics with is counted over HTTP/1.1
// and ends the process over HTTP/2, after note was printed.
func useLate(ctx context.Context, proto, note string, use func(http.ResponseWriter) error) (late, error) {
	var seen late
	serving, used := make(chan struct{}), make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/first" {
			go func() {
				defer close(used)
				defer func() {
					p := recover()
					if p == nil {
						return
					}
					if proto == "HTTP/2.0" {
						fmt.Fprintf(os.Stderr, "%v, in a goroutine left behind over HTTP/2; %s\n", p, note)
						panic(p)
					}
					seen.panicked = true
				}()
				<-serving
				seen.err = use(w)
			}()
			// Without the Flush, net/http would count the answer's bytes
			// and refuse more of them.
			fmt.Fprintln(w, "the first answer")
			w.(http.Flusher).Flush()
			return
		}
		close(serving)
		<-used
		fmt.Fprint(w, lateAnswer)
	}
	s, err := chain.Start(chain.Config{Handler: http.HandlerFunc(handler)})
	if err != nil {
		return late{}, err
	}
	defer s.Stop()

	if proto == "HTTP/2.0" {
		client := s.Client(proto)
		defer client.CloseIdleConnections()
		for _, path := range []string{"/api/first", "/api/next"} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
			if err != nil {
				return late{}, err
			}
			seen.next = ask(client, req)
		}
	} else {
		// A client that looks at each byte: net/http's would sort them out.
		conn, err := dial1(ctx, s, 0)
		if err != nil {
			return late{}, err
		}
		defer conn.drop()
		for _, path := range []string{"/api/first", "/api/next"} {
			if err := conn.send("GET %s HTTP/1.1\nHost: test\n\n", path); err != nil {
				return late{}, err
			}
			seen.next = conn.receive(http.MethodGet, time.Now().Add(10*time.Second))
		}
	}
	if !within(10*time.Second, used) {
		return late{}, fmt.Errorf("the second request was not served: %v", seen.next)
	}
	return seen, nil
}

// lateTally has use tried n times over each protocol and counts what bad calls
// the bad outcomes; it returns "" for a good one.
func lateTally(ctx context.Context, n int, use func(http.ResponseWriter) error, bad func(late) string) (Result, error) {
	broken, refused := tally{}, tally{}
	var note string
	for _, proto := range protocols {
		for range n {
			l, err := useLate(ctx, proto, note, use)
			if err != nil {
				return Result{}, fmt.Errorf("%s: %w", proto, err)
			}
			switch what := bad(l); {
			case l.panicked:
				broken["a panic"]++
			case what != "":
				broken[what]++
			default:
				refused[l.err.Error()]++
			}
		}
		if proto == "HTTP/1.1" {
			note = fmt.Sprintf("over HTTP/1.1, of %d late calls: %v", n, broken)
		}
	}
	if len(broken) > 0 {
		return Result{Defect: true, Seen: fmt.Sprintf("%s; with HTTP/2, of %d: %v", note, 2*n, broken)}, nil
	}
	return Result{Seen: fmt.Sprintf("all %d late calls were refused (%v), and every next request was answered well", refused.total(), refused)}, nil
}

// misanswered reports whether the next request got anything but its own answer.
func (l late) misanswered() bool {
	return l.next.err != nil || l.next.status != http.StatusOK || string(l.next.body) != lateAnswer
}

// carries reports whether the next request's answer has text in it, or is so
// spoiled by foreign bytes that it cannot be read.
func (l late) carries(text string) bool {
	return l.next.err != nil || strings.Contains(string(l.next.body), text)
}
