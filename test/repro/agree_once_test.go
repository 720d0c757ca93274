package main

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

func TestLogsAgreeIfEachHasTheRequestOnce(t *testing.T) {
	event := func(code int32, status string) *auditinternal.Event {
		return &auditinternal.Event{ResponseStatus: &metav1.Status{Code: code, Status: status}}
	}
	saw := answer{status: 200}
	for name, tt := range map[string]struct {
		answer answer
		lines  []string
		events []*auditinternal.Event
		agree  bool
	}{
		"once each":               {saw, []string{"200"}, []*auditinternal.Event{event(200, "")}, true},
		"once each, of a leaver":  {answer{}, []string{"0"}, []*auditinternal.Event{event(0, "Failure")}, true},
		"neither":                 {answer{}, nil, nil, false},
		"twice each":              {answer{}, []string{"200", "200"}, []*auditinternal.Event{event(200, ""), event(200, "")}, false},
		"two lines":               {saw, []string{"200", "200"}, []*auditinternal.Event{event(200, "")}, false},
		"two events":              {saw, []string{"200"}, []*auditinternal.Event{event(200, ""), event(200, "")}, false},
		"an event without status": {saw, []string{"200"}, []*auditinternal.Event{{}}, false},
		"other codes":             {saw, []string{"200"}, []*auditinternal.Event{event(500, "")}, false},
		"another for the client":  {saw, []string{"500"}, []*auditinternal.Event{event(500, "")}, false},
		"cut, as one":             {answer{status: 200, err: errors.New("EOF")}, []string{"200"}, []*auditinternal.Event{event(200, "Failure")}, true},
		"cut, as a success":       {answer{status: 200, err: errors.New("EOF")}, []string{"200"}, []*auditinternal.Event{event(200, "")}, false},
	} {
		if _, problem := logsAgree(tt.answer, tt.lines, tt.events); problem == "" != tt.agree {
			t.Errorf("%s: %q", name, problem)
		}
	}
}

func TestWayOutHasOneEvent(t *testing.T) {
	way := wayOut{client: 200, code: 200, log: 200}
	event := &auditinternal.Event{ResponseStatus: &metav1.Status{Code: 200}}
	for n, want := range []string{"0 final audit events", "", "2 final audit events"} {
		events := []*auditinternal.Event{event, event}[:n]
		if got := way.compare(answer{status: 200}, events, []string{"200"}); got != want {
			t.Errorf("of %d events: %q, not %q", n, got, want)
		}
	}
}
