//go:build go1.25

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
// client and its handler do, unless the serve goroutine is to stay: it grants a
// commit, has the calls under way settled, grants a return when it is capped,
// and then has an answer sent or a body drained.
const released = commitTime + stuckTime + 2*stallsFor + cappedJoinTime + answerTime + bodyTime + 2*stuckTime + DefaultJoinTime

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

// clients are when the client may be seen to have gone. It is not seen any more
// once a write, or over HTTP/1 a read, has timed out that the handler had bound
// or the boundary given up: net/http has then said so already.
func (x *experiment) clients() []time.Duration {
	if x.writeBound || x.http1 && (x.readBound || x.endless) {
		return []time.Duration{x.clientAt, never}
	}
	return []time.Duration{x.clientAt}
}

// allows says which outcomes are right: the model of the guard. What happens at
// one moment may have happened in any order.
func (x *experiment) allows(k Kind) bool {
	_, timeouts := x.timeouts()
	for _, timeout := range timeouts {
		for _, client := range x.clients() {
			if x.allowsAt(timeout, client, k) {
				return true
			}
		}
	}
	return false
}

// outlasts is whether a call that the handler has left behind, which is waited
// for as for the handler, may take its time.
func (x *experiment) outlasts() bool { return x.stalls || x.slow > 0 || x.http1 && x.endless }

func (x *experiment) allowsAt(timeout, client time.Duration, k Kind) bool {
	committed := x.status != 0 && x.timedOut == 0
	outlasts := func(d time.Duration) bool { return x.ended >= d || x.outlasts() }
	// A response that has been flushed is granted no time, nor one whose handler
	// knows, by its bound.
	struck := slices.ContainsFunc(x.bounds, func(b *bounded) bool { return b.at == timeout })
	granted := timeout + commitTime
	if x.flushedAt < timeout || struck && timeout < x.deadlineAt {
		granted = timeout
	}
	switch k {
	case Hijacked:
		return x.hijacked
	case TimedOut:
		return !x.hijacked && !committed && timeout <= client && outlasts(timeout)
	case Aborted:
		if first := min(granted, client); !x.hijacked && (x.writeBound && (!x.http1 || min(x.ended, x.failedAt) <= first) || x.exits) {
			// It had bound its own writes, which over HTTP/2 ends the stream, and
			// over HTTP/1 counts when one has failed; or it ended as no answer does.
			return true
		}
		if !committed {
			// A hijack has the connection, or the serve goroutine has to stay.
			capped := x.boundary.MaxOverdue != 0 && outlasts(timeout+cappedJoinTime)
			return (x.hijacks && outlasts(timeout) || capped) && timeout <= client
		}
		if x.flushedAt <= granted || x.broken || struck {
			granted = timeout
		}
		return !x.hijacked && timeout <= client && outlasts(granted) && x.completeAt >= timeout
	case ClientGone:
		// A complete response counts against the client if it may have it.
		return !x.hijacked && client <= timeout && outlasts(client)
	default:
		last := min(timeout, client)
		complete := x.completeFrom <= last
		if x.failedAt < min(last, x.ended) && x.completeAt == never {
			return false // What had failed was not all.
		}
		if committed && timeout <= client {
			complete = complete || x.completeFrom <= granted
			if !x.broken {
				last = granted
			}
		}
		return !x.hijacked && (x.ended <= last || complete)
	}
}

// check holds the outcome against the model, against what the client got, and
// against what calls returned that came too late.
func (x *experiment) check() {
	o := x.outcome()
	if !x.allows(o.Kind) {
		x.t.Errorf("%q is not what should have come of it", o.Kind)
	}
	answer, aborts := x.body.String(), x.panicked == http.ErrAbortHandler || x.panicked == errGoexit
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
		switch {
		case o.Kind == ClientGone:
			wantLate = errGone
		case x.panicked == errGoexit:
			wantLate = errReturned // It has come to its end by itself.
		}
	case Hijacked:
		wantLate = http.ErrHijacked
	case Answered:
		wantLate = errReturned
		if o.Status != x.sends() || x.timedOut != 0 {
			x.t.Errorf("answered with %d, and got %d, %d calls of TimedOut", o.Status, x.sends(), x.timedOut)
		}
	}
	if o.Kind != TimedOut && (int64(len(answer)) != o.Bytes || len(answer) != x.bytes || strings.Trim(answer, "x") != "") {
		x.t.Errorf("reported %d bytes, wrote %d, got %q", o.Bytes, x.bytes, answer)
	}
	timeout, timeouts := x.timeouts()
	// Of a response that is complete at its end, which a write deadline of the
	// handler's own may be, Serve need not see its handler's.
	first := min(slices.Min(timeouts), x.clientAt)
	outlived := o.Kind == Answered && x.completeAt != never && (x.ended >= first || x.took >= first && x.outlasts() || x.writeBound)
	// Of a connection that was hijacked there is nothing left to break off.
	unseen := outlived || o.Kind == Hijacked && x.exits
	if o.ByHandler() && (x.panicked != nil) != x.broken && (x.panicked != nil || !unseen) {
		x.t.Errorf("handler broke: %v; Serve: %v", x.broken, x.panicked)
	}
	if o.Kind == Answered && x.took < min(x.saidAt, first) {
		x.t.Errorf("answered after %v, and the last report was said after %v", x.took, x.saidAt)
	}
	stays := o.Kind == ClientGone || o.Kind == Hijacked || outlived || x.boundary.MaxOverdue != 0
	// Without a deadline, and on a connection that takes nothing at all, a flush waits as net/http's does.
	waits := o.Kind == Answered && x.stalls || x.deaf && timeout == never
	if end := min(x.ended, timeout); !stays && x.took > end+released && !waits {
		x.t.Errorf("released %v after its end", x.took-end)
	}
	readers, inTime := 0, o.Kind == Answered || x.panicked == errGoexit
	if inTime {
		readers = 1 // Who drains the body, and is not waited for when that has been given up.
	}
	if x.http1 && x.readers > readers && (!inTime || x.ended > first) {
		x.t.Errorf("%d are still reading when the handler has lost its request", x.readers)
	}
	for _, err := range x.late {
		// A complete response is over before its handler is.
		over := outlived && (err == http.ErrHandlerTimeout || err == errGone)
		if err != wantLate && !over && !(inTime && err == http.ErrBodyReadAfterClose) {
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
		if p := said[0]; p.Kind != o.Kind || p.Status != o.Status || p.Bytes != o.Bytes {
			x.t.Errorf("%s: said %+v, elsewhere %+v", key, p, o)
		}
	}
	if len(x.said["taken"]) != 1 {
		x.t.Errorf("said %+v", x.said)
	}
	for _, p := range x.decided {
		// A request may yet be cut without its answer.
		cut := p.Kind == TimedOut && o.Kind == Aborted && o.Status == 0
		if !cut && (p.Kind != o.Kind || p.Status != o.Status) {
			x.t.Errorf("decided %+v, and then said %+v", p, o)
		}
	}
	return o
}

// sends is the status that the client gets of a handler that answers: its own,
// net/http's, or that of who recovers its panic.
func (x *experiment) sends() int {
	switch {
	case x.status != 0:
		return x.status
	case !x.broken:
		return http.StatusOK
	case x.panicked == http.ErrAbortHandler, x.panicked == errGoexit:
		return 0
	default:
		return http.StatusInternalServerError
	}
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
