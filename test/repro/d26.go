package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D26",
		Title: "a create that commits after its 504: no record says so, and annotations that come late are lost",
		run:   lateCommits,
	})
}

// outcome is the annotation with which the fork says what became of it.
const outcome = "apiserver.k8s.io/outcome"

// says201 is a record in the log, of any name.
var says201 = regexp.MustCompile(`="?201\b`)

// lateCommits has creates be stored when their clients have a 504.
func lateCommits(ctx context.Context) (Result, error) {
	const (
		each       = 4
		unknown    = "unknown"
		key, value = "repro.example/stored", "after-the-answer"
	)
	release := make(chan struct{})
	var handlers, storing chain.Calls
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		defer storing.Begin()()
		<-release
		audit.AddAuditAnnotation(ctx, key, value)
		return nil
	}})
	if err != nil {
		return Result{}, err
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(api)})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	if err := w.send(ctx, each, post(w.URL+chain.PodsPath+"?timeout=1s", podNumber)); err != nil {
		return Result{}, err
	}
	if err := w.outlast(release, &handlers, &storing); err != nil {
		return Result{}, err
	}
	n := len(w.sent)
	if stored := storing.Count().Total; stored != n {
		return Result{}, untried("%d of %d creates got as far as the storage in a second: the machine is too slow", stored, n)
	}

	// What is said in the event, and what in the late record; and whether anybody
	// says in any way that it was stored, or has the annotation.
	var told, recorded, annotated, known, kept int
	eventually(patience, func() bool {
		told, recorded, annotated, known, kept = 0, 0, 0, 0, 0
		for _, e := range w.sent {
			if slices.ContainsFunc(finalEvents(w.Audit, e.id), saysMoreThan504) || slices.ContainsFunc(w.log.lines(fmt.Sprintf("%q", e.id)), says201.MatchString) {
				known++
			}
			if annotatedWith(finalEvents(w.Audit, e.id), key) || len(w.log.lines(fmt.Sprintf("%q", e.id), key)) > 0 {
				kept++
			}
			for _, event := range finalEvents(w.Audit, e.id) {
				if event.Annotations[outcome] == unknown {
					told++
				}
			}
			for _, line := range w.log.lines(returnedLate, fmt.Sprintf("auditID=%q", e.id), "result=201") {
				recorded++
				if strings.Contains(line, key) && !strings.Contains(line, value) { // That is for the audit log.
					annotated++
				}
			}
		}
		return told == n && recorded == n && annotated == n
	})
	clients := tally{}
	for _, e := range w.sent {
		clients[e.String()]++
	}
	lacks := ""
	if told != n || recorded != n || annotated != n {
		lacks = "what the fork says of each of them"
	}
	return Result{
		Defect: known < n || kept < n,
		Lacks:  lacks,
		Seen: fmt.Sprintf("%d creates were stored after their clients had got %v; %d audit events say that the outcome is unknown, %d records say that it was a 201, %d with the name of the annotation that came late, and no more of it",
			n, clients, told, recorded, annotated),
	}, nil
}

// saysMoreThan504 reports whether an event has a code, or an annotation, that tells of more than the answer.
func saysMoreThan504(event *auditinternal.Event) bool {
	return event.ResponseStatus != nil && event.ResponseStatus.Code == http.StatusCreated || event.Annotations[outcome] != ""
}

func annotatedWith(events []*auditinternal.Event, key string) bool {
	return slices.ContainsFunc(events, func(e *auditinternal.Event) bool { return e.Annotations[key] != "" })
}
