package ha

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/cluster"
)

// slowTime is how long the webhook takes: requests of that length are under way when a server is told to stop.
const slowTime = 500 * time.Millisecond

// webhook admits everything, after a while.
type webhook struct {
	server *httptest.Server
	asked  atomic.Int64
}

// startWebhook has the cluster ask it about config maps with the label.
func startWebhook(ctx context.Context, cl *cluster.Cluster) (*webhook, error) {
	w := &webhook{}
	w.server = httptest.NewTLSServer(w)
	type object = map[string]any
	err := cl.Create(ctx, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", object{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
		"metadata": object{"name": "slow"},
		"webhooks": []object{{
			"name": "slow.ha.example", "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 10,
			"admissionReviewVersions": []string{"v1"},
			"objectSelector":          object{"matchExpressions": []object{{"key": slowLabel, "operator": "Exists"}}},
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

func (w *webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.asked.Add(1)
	var review struct {
		Request struct {
			UID string `json:"uid"`
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
	if pause(r.Context(), slowTime) != nil {
		return // nobody waits for it any more
	}
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"response": map[string]any{"uid": review.Request.UID, "allowed": true},
	})
}
