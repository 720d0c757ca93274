package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"fork.internal/apiserver/test/e2e/suite"
)

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// register has a group, of version v1alpha1, served by whoever is at an address.
func register(t *T, group, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	service := t.Name(strings.ReplaceAll(group, ".", "-"))
	if len(service) > 63 {
		service = service[:63]
	}
	// An address is a name to whoever resolves it.
	if _, err := t.Client.CoreV1().Services(t.Namespace).Create(t.ctx, &corev1.Service{
		ObjectMeta: t.Meta(service), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: host},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err = t.Dynamic.Resource(apiServices).Create(t.ctx, &unstructured.Unstructured{Object: suite.Object{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": suite.Object{"name": "v1alpha1." + group, "labels": suite.Object{suite.Label: t.Suffix}},
		"spec": suite.Object{
			"group": group, "version": "v1alpha1", "groupPriorityMinimum": int64(100), "versionPriority": int64(1), "insecureSkipTLSVerify": true,
			"service": suite.Object{"namespace": t.Namespace, "name": service, "port": int64(n)},
		},
	}}, metav1.CreateOptions{})
	return err
}

// sample is k8s.io/sample-apiserver, registered once.
var sample struct {
	once sync.Once
	skip string
	err  error
}

// useSample registers it, and returns where its objects are, or skips the test.
func useSample(t *T) (flunders, fischers string) {
	t.Helper()
	const path = "/apis/" + suite.SampleGroup + "/v1alpha1"
	flunders, fischers = path+"/namespaces/"+t.Namespace+"/flunders", path+"/fischers"
	sample.once.Do(func() {
		address := t.Config.SampleAPIServer
		if address == "" {
			sample.skip = "E2E_SAMPLE_APISERVER names no extension API server"
			return
		}
		if sample.err = register(t, suite.SampleGroup, address); apierrors.IsAlreadyExists(sample.err) {
			sample.skip, sample.err = "the cluster has the group "+suite.SampleGroup+" already", nil
			return
		}
		if sample.err != nil {
			return
		}
		c := t.As(suite.HTTP1)
		sample.err = t.Settled(func() error {
			a, err := c.Do(t.ctx, suite.Request{Path: flunders, Unrecorded: true})
			if err == nil && a.Code != http.StatusOK {
				err = fmt.Errorf("the extension API server at %s: %s", address, a)
			}
			return err
		})
	})
	t.Check(sample.err)
	if sample.skip != "" {
		t.Skipf("%s", sample.skip)
	}
	return flunders, fischers
}

// sampled is an object of the sample's.
func sampled(t *T, kind, name string, more suite.Object, labels ...string) []byte {
	o := suite.Object{"apiVersion": suite.SampleGroup + "/v1alpha1", "kind": kind, "metadata": t.Meta(name, labels...)}
	for k, v := range more {
		o[k] = v
	}
	return encode(o)
}

// removed deletes something at the test's end, as nobody else would.
func removed(t *T, c *suite.Client, path string) {
	t.Cleanup(func() {
		c.Do(context.WithoutCancel(t.ctx), suite.Request{Method: http.MethodDelete, Path: path, Unrecorded: true}) // It may have gone.
	})
}

// aggregated uses an extension API server through the API server: its answers, its errors and its watch.
func aggregated(t *T) {
	flunders, fischers := useSample(t)
	banned := t.Name("banned")
	admin := t.As(suite.HTTP2)
	fischer := t.Name("fischer")
	t.Must(admin, suite.Request{Method: http.MethodPost, Path: fischers, Body: sampled(t, "Fischer", fischer, suite.Object{"disallowedFlunders": []string{banned}})}, http.StatusCreated)
	removed(t, admin, fischers+"/"+fischer)
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		name := "flunder-" + string(p)
		removed(t, c, flunders+"/"+name)
		from := t.Get(c, flunders)
		var list metav1.List
		t.Check(json.Unmarshal(from.Body, &list))
		ctx, cancel := context.WithTimeoutCause(t.ctx, watchTimeout, errNoEvent)
		defer cancel()
		watching, _, err := c.Send(ctx, suite.Request{Path: flunders + "?watch=1&fieldSelector=metadata.name=" + name + "&resourceVersion=" + list.ResourceVersion, Unrecorded: true})
		t.Check(err)
		defer watching.Body.Close()
		events := json.NewDecoder(watching.Body)

		created := t.Must(c, suite.Request{Method: http.MethodPost, Path: flunders, Body: sampled(t, "Flunder", name, nil)}, http.StatusCreated)
		if !strings.Contains(string(created.Body), name) {
			t.Errorf("created: %s", created)
		}
		t.Must(c, suite.Request{Method: http.MethodPost, Path: flunders, Body: sampled(t, "Flunder", name, nil)}, http.StatusConflict)
		t.Must(c, suite.Request{Path: flunders + "/none"}, http.StatusNotFound)
		t.Must(c, suite.Request{Path: flunders + "?timeout=bogus"}, http.StatusBadRequest)
		t.Must(c, suite.Request{Method: http.MethodPatch, Path: flunders + "/" + name, Type: "application/merge-patch+json", Body: []byte(`{"metadata":{"annotations":{"a":"b"}}}`)}, http.StatusOK)
		t.Must(t.AsNobody(p), suite.Request{Path: flunders}, http.StatusForbidden)
		// The extension learns of the fischer by an informer of its own.
		if err := t.Settled(func() error {
			a, err := c.Do(t.ctx, suite.Request{Method: http.MethodPost, Path: flunders + "?dryRun=All", Body: sampled(t, "Flunder", banned, nil)})
			if err == nil && a.Code != http.StatusForbidden {
				err = fmt.Errorf("what its admission forbids: %s", a)
			}
			return err
		}); err != nil {
			t.Errorf("%v", err)
		}
		t.Must(c, suite.Request{Method: http.MethodDelete, Path: flunders + "/" + name}, http.StatusOK)
		for _, want := range []string{"ADDED", "MODIFIED", "DELETED"} {
			var e struct{ Type string }
			if err := events.Decode(&e); err != nil || e.Type != want {
				t.Errorf("the watch over %s: want %s, got %q, %v", p, want, e.Type, err)
			}
		}
	})
}

// aggregatedDeadlines has requests run out of time in the extension API server.
func aggregatedDeadlines(t *T) {
	flunders, _ := useSample(t)
	silent := t.Silent()
	label := t.Name("aggregated")
	hooks, err := t.MakeHooks("aggregated", suite.Hook{Name: label, Address: silent.Address, Fail: true, Seconds: 10})
	t.Check(err)
	t.Cleanup(hooks.Remove)
	slow := suite.Request{Method: http.MethodPost, Path: flunders + "?dryRun=All", Body: sampled(t, "Flunder", "slow", nil, suite.HookLabel, label), Relayed: true}
	admin := t.As(suite.HTTP1)
	t.Check(t.Settled(func() error {
		a, err := admin.Do(t.ctx, within(slow, shortTimeout))
		if err == nil && a.Code/100 == 2 {
			err = fmt.Errorf("the extension API server does not call the webhook")
		}
		return err
	}))
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		for range 5 {
			a, err := c.Do(t.ctx, within(slow, shortTimeout))
			if err == nil {
				err = Complete504(a, shortTimeout)
			}
			if err != nil {
				t.Errorf("over %s: %v", p, err)
				continue
			}
			if next := t.Get(c, flunders); !next.Reused || next.Port != a.Port {
				t.Errorf("after the 504 over %s another connection was made", p)
			}
		}
	})
}

// aggregatedGone asks for a group whose server is not there.
func aggregatedGone(t *T) {
	silent := t.Silent()
	address, err := silent.GoneAddress()
	t.Check(err)
	group := "gone." + t.Suffix + ".e2e.fork.internal"
	t.Check(register(t, group, address))
	t.Cleanup(func() { t.Remove(apiServices, "v1alpha1."+group) }) // While it is there, discovery is not whole.
	path := "/apis/" + group + "/v1alpha1/things"
	c := t.As(suite.HTTP1)
	t.Check(t.Settled(func() error {
		a, err := c.Do(t.ctx, suite.Request{Path: path})
		if err == nil && a.Code != http.StatusServiceUnavailable {
			err = fmt.Errorf("a group whose server is gone: %s", a)
		}
		return err
	}))
	everyProtocol(t, func(p suite.Protocol) {
		c := t.As(p)
		t.Must(c, suite.Request{Path: path}, http.StatusServiceUnavailable)
		t.Must(c, suite.Request{Method: http.MethodPost, Path: path, Body: []byte(strings.Repeat(" ", 100_000))}, http.StatusServiceUnavailable)
	})
}
