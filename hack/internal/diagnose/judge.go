package diagnose

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// tallies are what the records of single requests come to, by finding.
type tallies struct {
	reset, cut, cutOr, cutOrGone, gone, after, panicked, unaudited, nothing, nothingPanic, nothingOr, informational tally
	ambiguous                                                                                                       int
}

// judge compares what was written of each request that is remembered.
func (d *Diagnosis) judge() *tallies {
	var t tallies
	for _, r := range slices.SortedFunc(maps.Values(d.requests.kept), func(a, b *record) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	}) {
		d.judgeOne(r, &t)
	}
	return &t
}

// settles is how long after an answer its audit event may come.
const settles = time.Second

const forEver = 1<<63 - 1

// honest says whether the records say themselves that the answer is not the whole one, as the fork's do.
func (r *record) honest() bool {
	if r.http.ended != "" {
		return true
	}
	s := r.event.ResponseStatus
	return r.finals > 0 && s != nil && s.Status == "Failure" &&
		(s.Reason == "ClientGone" || s.Reason == "ClientStalled" || s.Reason == "Timeout" && s.Code != 504)
}

func (d *Diagnosis) judgeOne(r *record, t *tallies) {
	if r.several || r.lines > 1 {
		t.ambiguous++
		return
	}
	if r.honest() || longRunning(r.verb(), r.uri()) || r.http.hijacked {
		return
	}
	code := 0
	if r.finals > 0 && r.event.ResponseStatus != nil {
		code = r.event.ResponseStatus.Code
	}
	overdue := r.took() >= deadline(r.uri(), d.timeout)-slack
	add := func(t *tally) {
		at := r.at
		if at.IsZero() {
			at = r.event.StageTimestamp
		}
		t.add(at, r.id, r.who())
		if !d.sure(r.uri(), overdue) {
			t.unsure++
		}
	}
	logged, audited := r.lines > 0, r.finals > 0
	panicked := r.panicked || audited && r.event.Stage == "Panic"
	switch {
	case r.aborts > 0 && (logged && r.http.code == 504 || audited && code == 504):
		add(&t.reset)
	case r.aborts > 0 && !logged && !audited:
		add(&t.cutOr)
	case r.aborts > 0 && !logged:
		// How long the handler took, the audit event says, and not when the answer was cut.
		add(&t.cutOrGone)
	case r.aborts > 0 && overdue:
		add(&t.cut)
	case r.aborts > 0:
		add(&t.gone)
	case !logged:
	case r.http.code == 504 && panicked:
		add(&t.panicked)
	case r.http.code == 504 && audited && code == 504:
		// What the finisher says where its time is over is "context deadline exceeded".
		if strings.HasSuffix(r.event.ResponseStatus.Message, "within requested timeout - context canceled") {
			add(&t.gone)
		}
	case r.http.code == 504 && audited && overdue:
		add(&t.after)
	case r.http.code == 504 && audited:
		add(&t.gone)
	case r.http.code == 504:
		// Of what ran when the server died, or where the log ends, nobody could write.
		if r.received && len(d.crashes) == 0 && d.lastAt.Sub(r.at) > settles {
			add(&t.unaudited)
		}
	case r.http.code == 0 && panicked:
		add(&t.nothingPanic)
	case r.http.code == 0 && audited:
		add(&t.nothing)
	case r.http.code == 0:
		add(&t.nothingOr)
	case r.http.code < 200 && r.http.code != 101:
		add(&t.informational)
	}
}

// sure says whether it is known that a request has, or has not, reached its deadline.
func (d *Diagnosis) sure(uri string, overdue bool) bool {
	return d.known || overdue && deadline(uri, forEver) < forEver
}
