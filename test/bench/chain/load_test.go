package chain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"

	"fork.internal/apiserver/test/chain"
)

const (
	podsStored = 20000 // as a server has them in its watch cache; the collector goes through them
	podsListed = 100
)

var verbs = []string{"get", "list", "create", "patch"}

// metadata is that of a pod of a middling size: 1 KiB of JSON.
func metadata(i int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      fmt.Sprintf("pod-%d", i),
		Namespace: "default",
		Labels: map[string]string{
			"app.kubernetes.io/name": "bench", "app.kubernetes.io/instance": "bench-1",
			"app.kubernetes.io/part-of": "chain", "pod-template-hash": "5d4f8c7b9b",
		},
		Annotations: map[string]string{
			"example.com/checksum": fmt.Sprintf("%064x", i),
			"example.com/config":   string(bytes.Repeat([]byte("0123456789abcdef"), 32)),
		},
	}
}

// storage has pods, and says that it has stored those that it is given.
func storage() *chain.Pods {
	pods := make([]example.Pod, podsStored)
	index := make(map[string]*example.Pod, podsStored)
	for i := range pods {
		pods[i].ObjectMeta = metadata(i)
		pods[i].UID = types.UID(fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", i))
		pods[i].ResourceVersion = fmt.Sprint(i + 1)
		index[pods[i].Name] = &pods[i]
	}
	return &chain.Pods{
		Read: func(name string) *example.Pod { return index[name].DeepCopy() },
		// Lists from the watch cache share what is below their objects too.
		ReadAll: func() *example.PodList { return &example.PodList{Items: slices.Clone(pods[:podsListed])} },
	}
}

// newRequest returns the ith request of that verb, and the status of its answer.
func newRequest(url, verb string, i int) (*http.Request, int, error) {
	i %= podsStored
	path := url + chain.PodsPath
	var method, contentType string
	var body []byte
	var err error
	status := http.StatusOK
	switch verb {
	case "get":
		method, path = http.MethodGet, fmt.Sprintf("%s/pod-%d", path, i)
	case "list":
		method = http.MethodGet
	case "create":
		method, contentType, status = http.MethodPost, "application/json", http.StatusCreated
		body, err = json.Marshal(&examplev1.Pod{
			TypeMeta:   metav1.TypeMeta{APIVersion: examplev1.SchemeGroupVersion.String(), Kind: "Pod"},
			ObjectMeta: metadata(i),
		})
	case "patch":
		method, path, contentType = http.MethodPatch, fmt.Sprintf("%s/pod-%d", path, i), string(types.MergePatchType)
		body = fmt.Appendf(nil, `{"metadata":{"labels":{"patched":"%d"}}}`, i)
	default:
		err = fmt.Errorf("no such verb: %q", verb)
	}
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequest(method, path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, status, nil
}

// load sends requests and reads their answers, each of which has to be the
// right one: a server that fails must not look fast.
func (c *crowd) load(o order) (reply, error) {
	r := reply{Latencies: make([]time.Duration, o.Requests)}
	begin := time.Now()
	err := each(o.Requests, o.Workers, func(i int) error {
		req, want, err := newRequest(c.url, o.Verb, i)
		if err != nil {
			return err
		}
		sent := time.Now()
		res, err := c.clients[i%len(c.clients)].Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		n, err := io.Copy(io.Discard, res.Body)
		r.Latencies[i] = time.Since(sent)
		least := int64(500)
		if o.Verb == "list" {
			least *= podsListed
		}
		if err == nil && (res.StatusCode != want || n < least) {
			err = fmt.Errorf("%s got a %d with %d bytes, and not a %d with %d and more", o.Verb, res.StatusCode, n, want, least)
		}
		return err
	})
	r.Took = time.Since(begin)
	slices.Sort(r.Latencies)
	return r, err
}
