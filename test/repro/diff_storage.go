package main

import (
	"context"
	"fmt"

	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/registry/rest"

	"fork.internal/apiserver/test/chain"
)

// castPods is a storage in which requests play their acts. It keeps nothing:
// whatever is asked for exists, in the size that was planned.
type castPods struct {
	chain.Pods
	cast *cast
}

var (
	_ rest.Patcher           = &castPods{}
	_ rest.Creater           = &castPods{}
	_ rest.Lister            = &castPods{}
	_ rest.GracefulDeleter   = &castPods{}
	_ rest.CollectionDeleter = &castPods{}
)

// Get implements rest.Getter.
func (p *castPods) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	if err := p.cast.play(ctx, inStorage); err != nil {
		return nil, err
	}
	return p.padded(ctx, name, 1), nil
}

// NewList implements rest.Lister.
func (p *castPods) NewList() runtime.Object { return &example.PodList{} }

// List implements rest.Lister.
func (p *castPods) List(ctx context.Context, _ *metainternalversion.ListOptions) (runtime.Object, error) {
	if err := p.cast.play(ctx, inStorage); err != nil {
		return nil, err
	}
	const items = 4
	list := &example.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
	for i := range items {
		list.Items = append(list.Items, *p.padded(ctx, fmt.Sprintf("pod-%d", i), items))
	}
	return list, nil
}

// ConvertToTable implements rest.TableConvertor.
func (p *castPods) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return rest.NewDefaultTableConvertor(schema.GroupResource{Resource: "pods"}).ConvertToTable(ctx, obj, options)
}

// Create implements rest.Creater.
func (p *castPods) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	obj, err := p.Pods.Create(ctx, obj, validate, options)
	if err != nil {
		return nil, err
	}
	return obj, p.cast.play(ctx, inStorage)
}

// Update implements rest.Updater.
func (p *castPods) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, validate rest.ValidateObjectUpdateFunc, allowCreate bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	obj, created, err := p.Pods.Update(ctx, name, info, create, validate, allowCreate, options)
	if err != nil {
		return nil, false, err
	}
	return obj, created, p.cast.play(ctx, inStorage)
}

// Delete implements rest.GracefulDeleter.
func (p *castPods) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, _ *metav1.DeleteOptions) (runtime.Object, bool, error) {
	obj := p.padded(ctx, name, 1)
	if err := validate(ctx, obj); err != nil {
		return nil, false, err
	}
	return obj, true, p.cast.play(ctx, inStorage)
}

// DeleteCollection implements rest.CollectionDeleter.
func (p *castPods) DeleteCollection(ctx context.Context, validate rest.ValidateObjectFunc, _ *metav1.DeleteOptions, options *metainternalversion.ListOptions) (runtime.Object, error) {
	if err := validate(ctx, p.padded(ctx, "pod", 1)); err != nil {
		return nil, err
	}
	return p.List(ctx, options)
}

// padded returns a pod that is one of so many that make up the answer.
func (p *castPods) padded(ctx context.Context, name string, of int) *example.Pod {
	pod := &example.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metadataOnly, ResourceVersion: "1", UID: "1"}}
	if x := p.cast.find(ctx); x != nil {
		pod.Namespace = x.namespace()
		pod.Annotations = map[string]string{"padding": noise[:x.plan.answer/of]}
	}
	return pod
}
