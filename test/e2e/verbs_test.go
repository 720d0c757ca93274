package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"fork.internal/apiserver/test/e2e/suite"
)

// watchTimeout bounds a watch that is to see what is done meanwhile.
const watchTimeout = 2 * time.Minute

var errNoEvent = errors.New("an event did not come")

// stored is a kind whose verbs are tried.
type stored struct {
	gvr  schema.GroupVersionResource
	kind string
	// content is the field that holds a text.
	content string
	// strategic is whether it takes a strategic merge patch.
	strategic bool
}

func configMaps(t *T) {
	everyProtocol(t, func(p suite.Protocol) {
		verbs(t, p, stored{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap", "data", true})
	})
}

func customResources(t *T) {
	k, err := t.MakeKind("verbs")
	t.Check(err)
	everyProtocol(t, func(p suite.Protocol) {
		verbs(t, p, stored{k.Resources, k.Kind, "spec", false})
	})
}

// everyProtocol does something over both at the same time. What it calls must not end the test but by Check and its like,
// which end the goroutine.
func everyProtocol(t *T, do func(suite.Protocol)) {
	var both sync.WaitGroup
	for _, p := range suite.Protocols {
		both.Go(func() { do(p) })
	}
	both.Wait()
}

// verbs uses a kind as anybody would.
func verbs(t *T, p suite.Protocol, k stored) {
	c, err := dynamic.NewForConfigAndClient(t.REST, t.As(p).HTTP())
	t.Check(err)
	objects := c.Resource(k.gvr).Namespace(t.Namespace)
	ctx := t.ctx
	// The name says which test and protocol it is of, and the label is in selectors.
	group := "verbs-" + string(p)
	name := func(what string) string { return group + "-" + what }
	selector := metav1.ListOptions{LabelSelector: "group=" + group}
	object := func(what, text string) *unstructured.Unstructured {
		labels := map[string]any{}
		for key, value := range t.Labels("group", group) {
			labels[key] = value
		}
		return &unstructured.Unstructured{Object: suite.Object{
			"apiVersion": k.gvr.GroupVersion().String(), "kind": k.kind,
			"metadata": suite.Object{"name": name(what), "labels": labels},
			k.content:  suite.Object{"text": text},
		}}
	}
	text := func(o *unstructured.Unstructured) string {
		s, _, _ := unstructured.NestedString(o.Object, k.content, "text")
		return s
	}
	want := func(what string, is bool, err error) {
		t.Helper()
		if !is {
			t.Errorf("%s %s over %s: got %v", k.kind, what, p, err)
		}
	}

	before, err := objects.List(ctx, selector)
	t.Check(err)
	watchCtx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errNoEvent)
	defer cancel()
	watching, err := objects.Watch(watchCtx, metav1.ListOptions{LabelSelector: selector.LabelSelector, ResourceVersion: before.GetResourceVersion()})
	t.Check(err)
	defer watching.Stop()

	for _, what := range []string{"a", "b", "c", "d", "e"} {
		_, err := objects.Create(ctx, object(what, "first"), metav1.CreateOptions{})
		t.Check(err)
	}
	_, err = objects.Create(ctx, object("a", "again"), metav1.CreateOptions{})
	want("created again", apierrors.IsAlreadyExists(err), err)
	_, err = objects.Create(ctx, object("UPPER", ""), metav1.CreateOptions{})
	want("with a name that is none", apierrors.IsInvalid(err), err)
	_, err = objects.Create(ctx, object("dry", ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	t.Check(err)
	_, err = objects.Get(ctx, name("dry"), metav1.GetOptions{})
	want("that was never made", apierrors.IsNotFound(err), err)

	var listed []string
	page := selector
	for page.Limit = 2; ; {
		list, err := objects.List(ctx, page)
		t.Check(err)
		for _, o := range list.Items {
			listed = append(listed, o.GetName())
		}
		if page.Continue = list.GetContinue(); page.Continue == "" {
			break
		}
		if len(list.Items) != 2 {
			t.Errorf("a page of 2 has %d", len(list.Items))
		}
	}
	if got, want := fmt.Sprint(listed), fmt.Sprint([]string{name("a"), name("b"), name("c"), name("d"), name("e")}); got != want {
		t.Errorf("listed in pages of 2: %s, not %s", got, want)
	}

	old, err := objects.Get(ctx, name("a"), metav1.GetOptions{})
	t.Check(err)
	fresh := old.DeepCopy()
	t.Check(unstructured.SetNestedField(fresh.Object, "updated", k.content, "text"))
	fresh, err = objects.Update(ctx, fresh, metav1.UpdateOptions{})
	t.Check(err)
	if text(fresh) != "updated" || fresh.GetResourceVersion() == old.GetResourceVersion() {
		t.Errorf("an update came to %v", fresh.Object)
	}
	_, err = objects.Update(ctx, old, metav1.UpdateOptions{})
	want("updated from an old version", apierrors.IsConflict(err), err)

	patched := func(kind types.PatchType, body, result string) {
		t.Helper()
		o, err := objects.Patch(ctx, name("a"), kind, []byte(body), metav1.PatchOptions{})
		t.Check(err)
		if text(o) != result {
			t.Errorf("%s over %s: the %s came to %v", k.kind, p, kind, o.Object)
		}
	}
	patched(types.JSONPatchType, `[{"op":"replace","path":"/`+k.content+`/text","value":"json"}]`, "json")
	_, err = objects.Patch(ctx, name("a"), types.JSONPatchType, []byte(`[{"op":"test","path":"/`+k.content+`/text","value":"other"}]`), metav1.PatchOptions{})
	want("patched on a condition", apierrors.IsInvalid(err), err)
	patched(types.MergePatchType, `{"`+k.content+`":{"text":"merge"}}`, "merge")
	if k.strategic {
		patched(types.StrategicMergePatchType, `{"`+k.content+`":{"text":"strategic"}}`, "strategic")
	} else {
		_, err = objects.Patch(ctx, name("a"), types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
		want("patched as it cannot be", apierrors.IsUnsupportedMediaType(err), err)
	}

	apply := func(manager, value string, force bool) (*unstructured.Unstructured, error) {
		return objects.Apply(ctx, name("applied"), object("applied", value), metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	_, err = apply("one", "one's", false)
	t.Check(err)
	_, err = apply("two", "two's", false)
	want("applied by another", apierrors.IsConflict(err), err)
	applied, err := apply("two", "two's", true)
	t.Check(err)
	managers := map[string]bool{}
	for _, m := range applied.GetManagedFields() {
		managers[m.Manager] = true
	}
	if text(applied) != "two's" || !maps.Equal(managers, map[string]bool{"one": true, "two": true}) {
		t.Errorf("applied by force: %v", applied.Object)
	}

	other := types.UID("other")
	err = objects.Delete(ctx, name("b"), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}})
	want("deleted on a condition", apierrors.IsConflict(err), err)
	t.Check(objects.Delete(ctx, name("b"), metav1.DeleteOptions{}))
	err = objects.Delete(ctx, name("b"), metav1.DeleteOptions{})
	want("deleted again", apierrors.IsNotFound(err), err)
	t.Check(objects.DeleteCollection(ctx, metav1.DeleteOptions{}, selector))
	left, err := objects.List(ctx, selector)
	t.Check(err)
	if len(left.Items) > 0 {
		t.Errorf("%d are left after all were deleted", len(left.Items))
	}

	// Five were made and one applied; all are gone.
	modified := 3
	if k.strategic {
		modified++
	}
	wantEvents := map[watch.EventType]int{watch.Added: 6, watch.Modified: modified + 1, watch.Deleted: 6}
	got := map[watch.EventType]int{}
	for got[watch.Deleted] < 6 {
		e, ok := <-watching.ResultChan()
		if !ok {
			t.Fatalf("the watch ended with %v", got)
		}
		got[e.Type]++
	}
	if !maps.Equal(got, wantEvents) {
		t.Errorf("%s over %s: the watch had %v, not %v", k.kind, p, got, wantEvents)
	}
}
