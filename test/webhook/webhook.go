// Package webhook is an admission webhook for the tests of a cluster, which takes its time, or behaves as none should.
package webhook

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/cluster"
)

// What a webhook does, as the value of its label on the object says that is created. With any other value it admits it, when
// its time has passed.
const (
	Hangs   = "hangs"   // it says nothing
	Resets  = "resets"  // it resets the connection
	Garbage = "garbage" // it answers with what is no answer, each time with another
	Fails   = "fails"   // it answers 500
	Late    = "late"    // it admits it, five times later
)

// LateFactor is how many times more time a webhook takes that is late.
const LateFactor = 5

// Webhook is asked about the creation of config maps with a label. Its methods may be called from several goroutines.
type Webhook struct {
	server *httptest.Server
	label  string
	takes  time.Duration
	asked  atomic.Int64
}

// Start has the cluster ask a webhook about config maps with the label. It takes that long for an answer. The
// cluster may take a moment until it asks.
func Start(ctx context.Context, cl *cluster.Cluster, label string, takes time.Duration) (*Webhook, error) {
	w := &Webhook{label: label, takes: takes}
	w.server = httptest.NewUnstartedServer(w)
	// It is hung up on, on purpose.
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	// A connection that the cluster keeps for later is nobody's leak, and would look like one.
	w.server.Config.SetKeepAlivesEnabled(false)
	// So would one that the cluster has made for a request which was over before it was there.
	w.server.Config.ReadHeaderTimeout = 3 * time.Second
	w.server.StartTLS()
	type object = map[string]any
	err := cl.Create(ctx, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", object{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
		"metadata": object{"name": label},
		"webhooks": []object{{
			"name": label + ".webhook.example", "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 10,
			"admissionReviewVersions": []string{"v1"},
			"objectSelector":          object{"matchExpressions": []object{{"key": label, "operator": "Exists"}}},
			"rules": []object{{
				"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "resources": []string{"configmaps"},
				"operations": []string{"CREATE"},
			}},
			"clientConfig": object{
				"url":      w.server.URL,
				"caBundle": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}),
			},
		}},
	})
	if err != nil {
		w.server.Close()
		return nil, err
	}
	return w, nil
}

// ConfigMap is a config map, of which the server chooses the name, about which the webhook with the label is asked, and does
// what is said.
func ConfigMap(label, does string) io.Reader {
	return strings.NewReader(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"x-","labels":{%q:%q}}}`, label, does))
}

// Asked is how often it has been asked.
func (w *Webhook) Asked() int64 { return w.asked.Load() }

// UntilAsked has request send something that it is asked about, until it has been: a server takes a moment to learn of it, and
// a minute at most.
func (w *Webhook) UntilAsked(ctx context.Context, request func(context.Context)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the webhook is not asked within a minute"))
	defer cancel()
	for w.Asked() == 0 {
		request(ctx)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// Close ends it, with the questions that it has not answered.
func (w *Webhook) Close() {
	w.server.CloseClientConnections()
	w.server.Close()
}

// ServeHTTP answers a question.
func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	n := w.asked.Add(1)
	var review struct {
		Request struct {
			UID    string `json:"uid"`
			Object struct {
				Metadata struct {
					Labels map[string]string `json:"labels"`
				} `json:"metadata"`
			} `json:"object"`
		} `json:"request"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	takes := w.takes
	switch review.Request.Object.Metadata.Labels[w.label] {
	case Hangs:
		<-r.Context().Done()
		return
	case Resets:
		hangUp(rw)
		return
	case Garbage:
		answerGarbage(rw, n)
		return
	case Fails:
		http.Error(rw, "this webhook fails", http.StatusInternalServerError)
		return
	case Late:
		takes *= LateFactor
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return // nobody waits for it any more
	case <-timer.C:
	}
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"response": map[string]any{"uid": review.Request.UID, "allowed": true},
	})
}

// hangUp resets the connection.
func hangUp(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	conn.Close()
}

// answerGarbage answers with the nth sort of what is no answer.
func answerGarbage(rw http.ResponseWriter, n int64) {
	rw.Header().Set("Content-Type", "application/json")
	switch n % 5 {
	case 0:
		io.WriteString(rw, "\x00\xff{]")
	case 1: // an answer to another question
		io.WriteString(rw, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"another","allowed":true}}`)
	case 2:
		io.WriteString(rw, `{"apiVersion":"v1","kind":"Pod"}`)
	case 3: // less than is promised
		rw.Header().Set("Content-Length", "1000")
		io.WriteString(rw, `{"apiVersion":`)
	case 4: // more than anybody wants
		rw.Write(make([]byte, 4<<20))
	}
}
