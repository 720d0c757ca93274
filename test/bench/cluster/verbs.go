package cluster

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

const (
	// objects is how many ConfigMaps a LIST returns, and how many GET, PUT and PATCH take in turn. It is
	// far above the workers, so that no two write to one at a time.
	objects = 100

	// payload is the size of each ConfigMap's data, in bytes.
	payload = 1 << 10

	// kept holds those objects; in churned they come and go, so that kept's LIST stays the same.
	kept    = "bench"
	churned = "bench-churn"

	// JSON is what kubectl and most clients of custom resources speak.
	typeJSON       = "application/json"
	typeMergePatch = "application/merge-patch+json"
)

// verb is what one benchmark sends. Its functions may be called from several goroutines.
type verb struct {
	name string

	// before and after, where set, are sent as often as request, outside the measurement.
	before, request, after func(i int) request
}

// verbs are in the order in which they run. All but list are for one object of 1 KiB. They leave behind
// what they found.
func verbs() []verb {
	return []verb{
		{name: "get", request: get},
		{name: "list", request: list},
		{name: "create", request: create, after: remove},
		{name: "update", request: update},
		{name: "patch", request: patch},
		{name: "delete", before: create, request: remove},
	}
}

func get(i int) request {
	return request{method: http.MethodGet, path: object(kept, i%objects), want: http.StatusOK}
}

func list(int) request {
	return request{method: http.MethodGet, path: collection(kept), want: http.StatusOK}
}

func create(i int) request { return post(churned, i) }

// fill makes the objects of kept.
func fill(i int) request { return post(kept, i) }

func post(namespace string, i int) request {
	return request{
		method: http.MethodPost, path: collection(namespace),
		contentType: typeJSON, body: configMap(i), want: http.StatusCreated,
	}
}

// update replaces the object whatever its version, and patch changes one key: neither can conflict.
func update(i int) request {
	return request{
		method: http.MethodPut, path: object(kept, i%objects),
		contentType: typeJSON, body: configMap(i % objects), want: http.StatusOK,
	}
}

func patch(i int) request {
	return request{
		method: http.MethodPatch, path: object(kept, i%objects),
		contentType: typeMergePatch, body: fmt.Appendf(nil, `{"data":{"change":"%d"}}`, changes.Add(1)), want: http.StatusOK,
	}
}

func remove(i int) request {
	return request{method: http.MethodDelete, path: object(churned, i), want: http.StatusOK}
}

func collection(namespace string) string {
	return "/api/v1/namespaces/" + namespace + "/configmaps"
}

func object(namespace string, i int) string {
	return collection(namespace) + "/" + name(i)
}

func name(i int) string { return fmt.Sprintf("config-%d", i) }

// changes makes each write differ from the object: one that does not is not stored.
var changes atomic.Int64

var text = []byte(strings.Repeat("0123456789abcdef", payload/16))

func configMap(i int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"change":"%d","text":%q}}`,
		name(i), changes.Add(1), text)
	return b.Bytes()
}
