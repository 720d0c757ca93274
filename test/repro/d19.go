package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D19",
		Title: "trailers are lost in both directions, and a header that the handler deleted is sent all the same",
		run:   headersAsSet,
	})
}

// headersAsSet compares what a handler sets, deletes and reads with what its
// client gets and sends.
func headersAsSet(ctx context.Context) (Result, error) {
	// The filters set it on every answer of an API.
	const filters = "Cache-Control"
	var mu sync.Mutex
	var there bool
	var sent string
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		there = w.Header().Get(filters) != ""
		sent = r.Trailer.Get("X-Sum")
		mu.Unlock()
		w.Header().Del(filters)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintln(w, "the answer")
		w.Header().Set("X-Sum", "of the answer")
		w.Header().Set(http.TrailerPrefix+"X-Late", "too")
	}
	s, err := chain.Start(chain.Config{Handler: http.HandlerFunc(handler)})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()

	var wrong []string
	checks := 0
	for _, proto := range protocols {
		client := s.Client(proto)
		defer client.CloseIdleConnections()
		// Of unknown length, or HTTP/1.1 would have no room for a trailer.
		body := io.MultiReader(strings.NewReader("the question"))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/trailers", body)
		if err != nil {
			return Result{}, err
		}
		req.Trailer = http.Header{"X-Sum": {"of the question"}}
		a := ask(client, req)
		if a.err != nil || a.status != http.StatusOK {
			return Result{}, fmt.Errorf("%s: the request got %v", proto, a)
		}
		mu.Lock()
		before, question := there, sent
		mu.Unlock()
		if !before {
			return Result{}, fmt.Errorf("%s: the filters set no %s: choose another header that they do set", proto, filters)
		}
		for _, check := range []struct {
			what string
			ok   bool
		}{
			{"the request's trailer was lost", question == "of the question"},
			{"the response's trailer was lost", a.trailer.Get("X-Sum") == "of the answer"},
			{"its undeclared trailer was lost", a.trailer.Get("X-Late") == "too"},
			{"the deleted " + filters + " was sent", a.header.Get(filters) == ""},
		} {
			checks++
			if !check.ok {
				wrong = append(wrong, proto+": "+check.what)
			}
		}
	}
	if len(wrong) > 0 {
		return Result{Defect: true, Seen: strings.Join(wrong, "; ")}, nil
	}
	return Result{Seen: fmt.Sprintf("%d of %d headers and trailers were as the handler, or the client, had set them", checks, checks)}, nil
}
