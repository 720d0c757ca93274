package main

import (
	"testing"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// TestDisagreementsAreThoseThatAnyServerCanHave has records that agree with the client without the word that only the
// fork has, which is asked of it alone, and some that do not agree.
func TestDisagreementsAreThoseThatAnyServerCanHave(t *testing.T) {
	answered := func(code int, status, reason, message string) []event {
		return []event{{stage: auditinternal.StageRequestReceived}, {stage: auditinternal.StageResponseComplete, code: code, status: status, reason: reason, message: message}}
	}
	whole504 := view{status: 504, whole: true, bytes: 100, message: "too late"}
	cut := view{status: 200, bytes: 4}
	left := view{status: 200, bytes: 4, left: time.Millisecond}
	for name, tt := range map[string]struct {
		view         view
		line         line
		events       []event
		failed       bool
		found, asked int
	}{
		"the fork's 504":                      {whole504, line{504, "timed out", 0}, answered(504, "Failure", "Timeout", "too late"), false, 0, 0},
		"a 504 that all agree about":          {whole504, line{504, "", 0}, answered(504, "Failure", "Timeout", "too late"), false, 0, 1},
		"a 504 without its message":           {whole504, line{504, "", 0}, answered(504, "Failure", "", ""), false, 0, 2},
		"a 504 that is audited as a 200":      {whole504, line{504, "", 0}, answered(200, "", "", ""), false, 2, 2},
		"a 504 with another message":          {whole504, line{504, "", 0}, answered(504, "Failure", "Timeout", "other"), false, 1, 1},
		"a 504 said to be the handler's":      {whole504, line{504, "aborted", 0}, answered(504, "Failure", "Timeout", "aborted after 0 bytes"), false, 3, 0},
		"the fork's cut":                      {cut, line{200, "aborted", 4}, answered(200, "Failure", "Timeout", "aborted after 4 bytes"), false, 0, 0},
		"a cut that is audited as one":        {cut, line{200, "", 0}, answered(200, "Failure", "", "cut"), false, 0, 3},
		"a cut that is a success":             {cut, line{200, "", 0}, answered(200, "", "", ""), false, 1, 1},
		"a cut of which the fork says less":   {cut, line{200, "client gone", 4}, answered(200, "Failure", "ClientGone", "gone: 4 bytes"), false, 3, 0},
		"one left by its client, as one":      {left, line{200, "", 0}, answered(499, "Failure", "", "gone"), true, 2, 1},
		"one left by its client, as a 200":    {left, line{200, "", 0}, answered(200, "", "", ""), true, 1, 0},
		"one left by its client, of the fork": {left, line{200, "client gone", 4}, answered(200, "Failure", "ClientGone", "gone: 4 bytes"), true, 0, 0},
	} {
		x := &randomRequest{plan: &plan{proto: "HTTP/1.1", method: "GET", path: "/api", timeout: time.Second}, view: tt.view}
		x.view.begin = time.Now()
		x.view.end = x.view.begin.Add(time.Millisecond)
		x.arrived.Store(1)
		x.wrote.Store(-1)
		x.failed.Store(tt.failed)
		rec := ledgerEntry{events: tt.events, lines: []line{tt.line}}
		found, asked := 0, 0
		got := breaches(x, rec)
		for _, b := range got {
			if b.asked {
				asked++
			} else {
				found++
			}
		}
		if found != tt.found || asked != tt.asked {
			t.Errorf("%s: %d disagreements and %d that are asked of the fork, not %d and %d: %+v", name, found, asked, tt.found, tt.asked, got)
		}
	}
}

// TestWhoDoesNotSayHowARequestEndedMayCountItEitherWay but for the fork, which says so.
func TestWhoDoesNotSayHowARequestEndedMayCountItEitherWay(t *testing.T) {
	x := &randomRequest{plan: &plan{proto: "HTTP/1.1", method: "GET", path: "/api", timeout: time.Second}, view: view{status: 200, left: time.Millisecond}}
	x.arrived.Store(1)
	x.routed.Store(true)
	rec := ledgerEntry{events: []event{{stage: auditinternal.StageResponseComplete, code: 200}}, lines: []line{{resp: 200}}}
	aborted := counts{requests: map[int]int{200: 1}, aborts: 1}
	cut := counts{requests: map[int]int{200: 1}, terminations: map[int]int{504: 1}, aborts: 1}
	for _, strict := range []bool{false, true} {
		want := newCounts()
		want.count(x, rec, strict)
		if got := aborted.differences(want); len(got) > 0 != strict {
			t.Errorf("strict %t: got %v", strict, got)
		}
		if got := cut.differences(want); got["terminations"] == nil {
			t.Errorf("strict %t: a 504 that nobody got is counted, and it is no difference", strict)
		}
	}
}
