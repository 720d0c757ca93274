/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// released is how long after its deadline a request is over with, whatever its
// client and its handler do, unless the serve goroutine is to stay.
const released = commitTime + 2*stuckTime + cappedJoinTime + answerTime + stuckTime + DefaultJoinTime

// timeouts are when the first deadline may have passed that was not released:
// that of a bound which was released at that moment may have, or not.
func (x *experiment) timeouts() (last time.Duration, all []time.Duration) {
	last = x.deadlineAt
	for _, b := range x.bounds {
		if b.released > b.at {
			last = min(last, b.at)
		}
	}
	all = []time.Duration{last}
	for _, b := range x.bounds {
		if b.released == b.at && b.at < last {
			all = append(all, b.at)
		}
	}
	return last, all
}

// allows says which outcomes are right: the model of the guard. What happens at
// one moment may have happened in any order.
func (x *experiment) allows(k Kind) bool {
	_, timeouts := x.timeouts()
	return slices.ContainsFunc(timeouts, func(timeout time.Duration) bool { return x.allowsAt(timeout, k) })
}

func (x *experiment) allowsAt(timeout time.Duration, k Kind) bool {
	client := x.clientAt
	committed := x.status != 0 && x.timedOut == 0
	// Whether the handler had not returned by then, or a Write that it had left
	// behind: that may take its time.
	outlasts := func(d time.Duration) bool { return x.ended >= d || x.stalls || x.slow > 0 }
	switch k {
	case Hijacked:
		return x.hijacked
	case TimedOut:
		return !x.hijacked && !committed && timeout <= client && outlasts(timeout)
	case Aborted:
		if !committed {
			// A hijack has the connection, or the serve goroutine has to stay.
			capped := x.boundary.MaxOverdue != 0 && outlasts(timeout+cappedJoinTime)
			return (x.taken && outlasts(timeout) || capped) && timeout <= client
		}
		return !x.hijacked && timeout <= client && outlasts(timeout+commitTime)
	case ClientGone:
		return !x.hijacked && client <= timeout && outlasts(client)
	default:
		last := min(timeout, client)
		if committed && timeout <= client {
			last += commitTime
		}
		return !x.hijacked && x.ended <= last
	}
}

// check holds the outcome against the model, against what the client got, and
// against what calls returned that came too late.
func (x *experiment) check() {
	o := x.outcome()
	if !x.allows(o.Kind) {
		x.t.Errorf("%q is not what should have come of it", o.Kind)
	}
	answer, aborts := x.body.String(), x.panicked == http.ErrAbortHandler
	wantLate := http.ErrHandlerTimeout
	switch o.Kind {
	case TimedOut:
		if x.status != 504 {
			x.t.Errorf("timed out, and got %d, %q, panic %v", x.status, answer, x.panicked)
		}
		x.check504(answer)
	case Aborted, ClientGone:
		if x.timedOut != 0 || !aborts || o.Status != x.status {
			x.t.Errorf("%s with %d, and got %d, %d calls of TimedOut, panic %v", o.Kind, o.Status, x.status, x.timedOut, x.panicked)
		}
		if o.Kind == ClientGone {
			wantLate = errGone
		}
	case Hijacked:
		wantLate = http.ErrHijacked
	case Answered:
		wantLate = errReturned
		if o.Status != x.status && (o.Status != 200 || x.status != 0) || x.timedOut != 0 {
			x.t.Errorf("answered with %d, and got %d, %d calls of TimedOut", o.Status, x.status, x.timedOut)
		}
	}
	if o.Kind != TimedOut && (int64(len(answer)) != o.Bytes || len(answer) != x.bytes || strings.Trim(answer, "x") != "") {
		x.t.Errorf("reported %d bytes, wrote %d, got %q", o.Bytes, x.bytes, answer)
	}
	if ended := o.ByHandler(); ended && !x.settled && (x.panicked != nil) != x.broken {
		x.t.Errorf("handler broke: %v; Serve: %v", x.broken, x.panicked)
	}
	stays := o.Kind == ClientGone || o.Kind == Hijacked || x.boundary.MaxOverdue != 0
	timeout, _ := x.timeouts()
	if end := min(x.ended, timeout); !stays && x.took > end+released && !(o.Kind == Answered && x.stalls) {
		x.t.Errorf("released %v after its end", x.took-end)
	}
	for _, err := range x.late {
		if err != wantLate && !(o.Kind == Answered && err == http.ErrBodyReadAfterClose) {
			x.t.Errorf("a late call got %v, want %v", err, wantLate)
		}
	}
	if n := x.boundary.Overdue(); n != 0 {
		x.t.Errorf("%d overdue when all is over", n)
	}
}

// outcome checks that everything was said once, and all the same, and returns it.
func (x *experiment) outcome() Outcome {
	if len(x.said["outer"]) != 1 {
		x.t.Fatalf("said %+v", x.said["outer"])
	}
	o := x.said["outer"][0]
	for key, said := range x.said {
		if len(said) != 1 {
			x.t.Errorf("%s: said %+v", key, said)
		}
		if p := said[0]; p != (Outcome{}) && (p.Kind != o.Kind || p.Status != o.Status || p.Bytes != o.Bytes) {
			x.t.Errorf("%s: said %+v, elsewhere %+v", key, p, o)
		}
	}
	if len(x.said["taken"]) != 1 || len(x.said["settled"]) != 1 || x.settled != (x.said["settled"][0].Kind == "") {
		x.t.Errorf("said %+v", x.said)
	}
	return o
}

// check504 checks that the client got a whole 504 and nothing of the handler's,
// if it took it.
func (x *experiment) check504(answer string) {
	var status metav1.Status
	err := json.Unmarshal([]byte(answer), &status)
	if answer == "" && (x.stalls || x.reset) {
		// It did not read it, or the handler had its own writes time out.
	} else if err != nil || status.Code != 504 || status.Reason != metav1.StatusReasonTimeout || x.sent.Get("Content-Length") != strconv.Itoa(len(answer)) {
		x.t.Errorf("got %q, %v, header %v", answer, err, x.sent)
	}
	if x.sent["X-Inner"] != nil || x.sent.Get("X-Outer") != "kept" || x.sent.Get("X-Gone") != "deleted" {
		x.t.Errorf("got header %v", x.sent)
	}
	if x.timedOut != 1 || x.panicked != nil || x.bytes != 0 {
		x.t.Errorf("%d calls of TimedOut, panic %v, %d bytes written", x.timedOut, x.panicked, x.bytes)
	}
}
