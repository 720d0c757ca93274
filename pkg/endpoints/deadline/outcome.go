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
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kind is the way in which a request ended.
type Kind string

const (
	// Answered: the handler returned or panicked in time, or its response was
	// complete when the request ended, and what it wrote is the answer.
	Answered Kind = "answered"
	// TimedOut: a deadline passed with nothing committed; the client was sent
	// a 504 in the handler's place.
	TimedOut Kind = "timed out"
	// Aborted: a deadline, the request's or one that the handler or the server
	// had set for writes, passed with the response under way; the client saw a
	// part of it, then a reset. Or a deadline passed with nothing committed, and
	// there was no way left to answer: the Status is 0, and the client saw a
	// reset. Or the handler called runtime.Goexit, and its response had not been
	// sent whole: that is no answer, whoever wrote on the way out.
	Aborted Kind = "aborted"
	// ClientGone: the client went first. It was sent nothing more.
	ClientGone Kind = "client gone"
	// Hijacked: the handler took the connection over.
	Hijacked Kind = "hijacked"
	// Stalled: the client of a long-running request took nothing of it for too
	// long. It saw a part of the response, then a reset.
	Stalled Kind = "client stalled"
)

// Outcome is what became of a request, as far as net/http was told. Once the
// request has ended that does not change; Running, Attempted and Panicked, which
// are about the handler, may.
type Outcome struct {
	Kind Kind

	// Status is the status code that was sent: the handler's, 504 when the
	// request timed out, or 0 when there was none.
	Status int

	// Bytes is how many bytes of the handler's response body net/http took.
	Bytes int64

	// Message is what the client was told, if the boundary sent it a 504.
	Message string

	// Running is whether the handler was still running when this was said: then
	// it is not known yet what it will achieve.
	Running bool

	// Attempted is the status that the handler had tried to commit when it was
	// too late, or 0. If it is a success, what it stands for has been done.
	Attempted int

	// Panicked is the value of the handler's panic, with its stack, or an error
	// that says that the handler ended by runtime.Goexit; nil if it had done
	// neither by then.
	Panicked any

	// exited is whether runtime.Goexit is why it was Aborted.
	exited bool

	// idle is for how long, at least, the client of one that was Stalled had
	// taken nothing or, if slow, too little.
	idle time.Duration
	slow bool
}

// ByHandler reports whether the handler brought the request to this end by
// itself, so that what it recorded on the way is true.
func (o Outcome) ByHandler() bool { return o.Kind == Answered || o.Kind == Hijacked }

// Result is the status that the handler came to, in time or not, or 0.
func (o Outcome) Result() int {
	if o.Attempted != 0 || o.Kind == TimedOut {
		return o.Attempted
	}
	return o.Status
}

// AuditStatus is the outcome in the terms of an audit event's response status:
// the code that was sent, or none, and why if the handler did not bring that about.
func (o Outcome) AuditStatus() *metav1.Status {
	if o.ByHandler() {
		if o.Panicked == nil {
			return &metav1.Status{Code: int32(o.Status)}
		}
		reason, _, _ := strings.Cut(fmt.Sprint(o.Panicked), "\n") // Without its stack.
		return &metav1.Status{
			Code:    http.StatusInternalServerError,
			Status:  metav1.StatusFailure,
			Reason:  metav1.StatusReasonInternalError,
			Message: "APIServer panic'd: " + reason,
		}
	}
	status := &metav1.Status{Code: int32(o.Status), Status: metav1.StatusFailure, Reason: metav1.StatusReasonTimeout}
	switch o.Kind {
	case TimedOut:
		status.Message = o.Message
	case Aborted:
		if o.exited {
			status.Reason = metav1.StatusReasonInternalError
			status.Message = fmt.Sprintf("%v: aborted after %d bytes of its body, of which the last may not have arrived", errGoexit, o.Bytes)
			return status
		}
		if o.Status == 0 {
			status.Message = "the deadline passed: cut without an answer"
			break
		}
		status.Message = fmt.Sprintf("the deadline passed with the response under way: aborted after %d bytes of its body, of which the last may not have arrived", o.Bytes)
	case Stalled:
		status.Reason = "ClientStalled"
		taken := "nothing"
		if o.slow {
			taken = "next to nothing"
		}
		status.Message = fmt.Sprintf("the client took %s for %v: cut off after %d bytes of its body, of which the last may not have arrived", taken, o.idle, o.Bytes)
	case ClientGone:
		status.Reason = "ClientGone"
		status.Message = fmt.Sprintf("the client went before the response was complete: %d bytes of its body had been sent, of which the last may not have arrived", o.Bytes)
	}
	if o.Panicked != nil {
		status.Message += "; the handler panicked"
	}
	return status
}

// outcome is that of a sealed guard. The caller holds mu.
func (g *guard) outcome() Outcome {
	o := Outcome{
		Status:    g.status,
		Bytes:     g.written,
		Running:   !g.returned,
		Attempted: g.attempted,
		Panicked:  g.exit.panicked,
	}
	if g.exit.goexit {
		o.Panicked = errGoexit
	}
	switch g.state {
	case timedOut:
		if g.cutOff || g.taken {
			o.Kind = Aborted
			break
		}
		o.Kind, o.Status = TimedOut, http.StatusGatewayTimeout
		o.Message = g.answerWith(g.answering()).Message
	case gone:
		o.Kind = ClientGone
	case aborted:
		o.Kind = Aborted
		if g.ending == byClient {
			o.Kind = ClientGone
		}
	case hijacked:
		o.Kind = Hijacked
	default:
		o.Kind = Answered
		switch {
		case g.exit.goexit && g.sealedAt.IsZero() && !(g.sent && g.whole()):
			o.Kind, o.exited = Aborted, true
		case o.Status != 0:
		case o.Panicked == nil:
			o.Status = http.StatusOK // net/http's.
		case !g.exit.goexit && o.Panicked != http.ErrAbortHandler:
			o.Status = http.StatusInternalServerError // Of who recovers it.
		}
	}
	return o
}
