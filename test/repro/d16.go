package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D16",
		Title: "a handler that has written its whole answer as the deadline strikes: the client gets a reset",
		run:   lastMoment,
	})
}

// lastMoment has handlers write a whole answer and return: half of them within
// a tenth of a millisecond of their deadline, half as it strikes. What was
// written whole has to arrive whole; if the deadline came first, Write says so
// and the client gets a 504.
func lastMoment(ctx context.Context) (Result, error) {
	const requests = 400
	body := strings.Repeat("a line of the answer\n", 100)
	var mu sync.Mutex
	written := map[string]error{}
	handler := func(w http.ResponseWriter, r *http.Request) {
		deadline, ok := r.Context().Deadline()
		if !ok {
			return
		}
		if r.URL.Path == "/api/before" {
			at := deadline.Add(-100 * time.Microsecond)
			time.Sleep(time.Until(at) - time.Millisecond)
			for time.Now().Before(at) { // a timer may be later than this
			}
		} else {
			<-r.Context().Done()
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, err := w.Write([]byte(body))
		mu.Lock()
		written[r.URL.Query().Get("n")] = err
		mu.Unlock()
	}
	var handlers chain.Calls
	s, err := chain.Start(chain.Config{Handler: handlers.Handler(http.HandlerFunc(handler))})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	broken := make([]answer, requests)
	newRequest := func(i int) (*http.Request, error) {
		path := []string{"/api/before", "/api/at"}[i/8%2] // 8 clients at a time
		return http.NewRequest(http.MethodGet, fmt.Sprintf("%s%s?timeout=20ms&n=%d", s.URL, path, i), nil)
	}
	answers, err := crowd(ctx, s, requests, newRequest, func(i int, a answer) string {
		if a.err != nil || a.status == http.StatusOK && string(a.body) != body {
			broken[i] = a
			return "a reset"
		}
		return a.String()
	})
	if err != nil {
		return Result{}, err
	}
	if !handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 }) {
		return Result{}, fmt.Errorf("the handlers do not return: they should after 20 ms")
	}
	mu.Lock()
	defer mu.Unlock()
	whole, lost, cut := 0, 0, 0
	for i, a := range broken {
		err, ok := written[fmt.Sprint(i)]
		if ok && err == nil {
			whole++
		}
		switch {
		case a.err == nil && a.status == 0:
		case ok && err == nil:
			lost++
		default:
			cut++
		}
	}
	if whole == 0 {
		return Result{}, untried("no answer of %d was written before its deadline: the machine is too slow (%v)", requests, answers)
	}
	return Result{
		Defect: lost+cut > 0,
		Seen: fmt.Sprintf("%d of %d answers that handlers had written whole did not arrive, and %d clients got neither an answer nor a 504 from others (%v)",
			lost, whole, cut, answers),
	}, nil
}
