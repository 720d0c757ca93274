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
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// answer makes what the client is told when a deadline has passed before
// anything was committed.
type answer func() *metav1.Status

// answerWith returns what a makes, or, if a is nil, what the Boundary's Answer
// does. It is never nil.
func (g *guard) answerWith(a answer) (status *metav1.Status) {
	contain("answer", func() {
		if a == nil {
			status = g.b.Answer(g.outer)
		} else {
			status = a()
		}
	})
	if status == nil {
		status = &metav1.Status{
			Status:  metav1.StatusFailure,
			Code:    http.StatusGatewayTimeout,
			Reason:  metav1.StatusReasonTimeout,
			Message: "the request did not complete in the time allotted",
		}
	}
	return status
}

// respond writes a complete answer with the outer filters' headers. The guard
// is sealed and the writer reclaimed. closing is whether the connection has
// come to its end.
func (g *guard) respond(closing bool) {
	g.mu.Lock()
	answer := g.answering()
	g.mu.Unlock()
	status := *g.answerWith(answer)
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	body, err := json.Marshal(&status)
	if err != nil {
		body = []byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Timeout","code":504}`)
	}
	body = append(body, '\n')

	header := g.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	closing = g.http1 && (closing || g.unread())
	if closing {
		g.endBody()
		header.Set("Connection", "close")
	}
	defer g.limitWrites(answerTime)()
	g.w.WriteHeader(http.StatusGatewayTimeout)
	_, _ = g.w.Write(body)
	_ = g.rc().Flush()
	if closing {
		g.setDeadlines(in(lingerTime), nil)
	}
}

// unread reports whether the client may still be sending.
func (g *guard) unread() bool {
	if g.body == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.body.spent()
}
