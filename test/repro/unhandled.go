package main

import (
	"context"
	"fmt"
	"net/http"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "UNHANDLED",
		Title: "an answer that comes after the 504 is logged as errors that nobody has handled",
		run:   lateAnswers,
	})
}

// lateAnswers has creates and lists be answered when their clients have a 504, and looks for what is logged of that.
func lateAnswers(ctx context.Context) (Result, error) {
	const each = 4
	release := make(chan struct{})
	var handlers, storing chain.Calls
	hold := func(context.Context) error {
		defer storing.Begin()()
		<-release
		return nil
	}
	api, err := chain.API(&chain.Pods{OnCreate: hold, OnList: hold})
	if err != nil {
		return Result{}, err
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(api)})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	for _, send := range []func(int) (*http.Request, error){post(w.URL+chain.PodsPath+"?timeout=1s", podNumber), get(w.URL + chain.PodsPath + "?timeout=1s")} {
		if err := w.send(ctx, each, send); err != nil {
			return Result{}, err
		}
	}
	if err := w.outlast(release, &handlers, &storing); err != nil {
		return Result{}, err
	}
	n := len(w.sent)
	if held := storing.Count().Total; held != n {
		return Result{}, untried("%d of %d requests got as far as the storage in a second: the machine is too slow", held, n)
	}
	clients, told := tally{}, 0
	eventually(patience, func() bool {
		told = 0
		for _, e := range w.sent {
			told += len(w.log.lines(returnedLate, fmt.Sprintf("auditID=%q", e.id)))
		}
		return told == n
	})
	for _, e := range w.sent {
		clients[e.String()]++
	}
	errors := len(w.log.lines("http: Handler timeout"))
	lacks := ""
	if told != n {
		lacks = fmt.Sprintf("a line that names each of %d requests", n)
	}
	return Result{
		Defect: errors > 0,
		Lacks:  lacks,
		Seen: fmt.Sprintf("clients got %v; %d errors of an answer that came too late were logged, none of which names its request, and %d lines that do",
			clients, errors, told),
	}, nil
}
