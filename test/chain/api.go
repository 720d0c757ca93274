package chain

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	restful "github.com/emicklei/go-restful/v3"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/apis/example"
	exampleinstall "k8s.io/apiserver/pkg/apis/example/install"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/registry/rest"
)

// PodsPath is where API serves its pods.
const PodsPath = "/apis/" + examplev1.GroupName + "/v1/namespaces/default/pods"

// Pod returns a pod of that name as the body of a create.
func Pod(name string) string {
	return fmt.Sprintf(`{"apiVersion":"%s","kind":"Pod","metadata":{"name":%q}}`, examplev1.SchemeGroupVersion, name)
}

// API returns apiserver's own REST handlers (decoding, admission, the
// finisher, negotiation) for pods that are kept by storage, at PodsPath: for as
// many verbs as it implements. The functions may change what is installed.
func API(storage rest.Storage, modify ...func(*endpoints.APIGroupVersion)) (http.Handler, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	exampleinstall.Install(scheme)
	// For a storage that lists.
	scheme.AddKnownTypes(example.SchemeGroupVersion, &example.PodList{})
	scheme.AddKnownTypes(examplev1.SchemeGroupVersion, &examplev1.PodList{})

	container := restful.NewContainer()
	container.Router(restful.CurlyRouter{})
	version := endpoints.APIGroupVersion{
		Storage:                    map[string]rest.Storage{"pods": storage},
		Root:                       "/apis",
		GroupVersion:               examplev1.SchemeGroupVersion,
		OptionsExternalVersion:     &schema.GroupVersion{Version: "v1"},
		Serializer:                 serializer.NewCodecFactory(scheme),
		ParameterCodec:             runtime.NewParameterCodec(scheme),
		Creater:                    scheme,
		Convertor:                  scheme,
		UnsafeConvertor:            runtime.UnsafeObjectConvertor(scheme),
		Defaulter:                  scheme,
		Typer:                      scheme,
		Namer:                      meta.NewAccessor(),
		TypeConverter:              managedfields.NewDeducedTypeConverter(),
		EquivalentResourceRegistry: runtime.NewEquivalentResourceRegistry(),
	}
	for _, f := range modify {
		f(&version)
	}
	if _, _, err := version.InstallREST(container); err != nil {
		return nil, fmt.Errorf("installing the API: %w", err)
	}
	return container, nil
}

// Pods is a storage of pods that keeps nothing: what it does instead is the
// test's to say. A function that is nil succeeds at once.
type Pods struct {
	// OnCreate and OnUpdate are called where an object would be stored, and
	// OnList where objects would be read.
	OnCreate, OnUpdate, OnList func(context.Context) error

	// Read, if set, returns what is there under a name, and ReadAll all there
	// is. Each result is the caller's own.
	Read    func(name string) *example.Pod
	ReadAll func() *example.PodList
}

var (
	_ rest.Scoper               = &Pods{}
	_ rest.SingularNameProvider = &Pods{}
	_ rest.Creater              = &Pods{}
	_ rest.Patcher              = &Pods{}
	_ rest.Lister               = &Pods{}
)

// New implements rest.Storage.
func (p *Pods) New() runtime.Object { return &example.Pod{} }

// Destroy implements rest.Storage.
func (p *Pods) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (p *Pods) NamespaceScoped() bool { return true }

// GetSingularName implements rest.SingularNameProvider.
func (p *Pods) GetSingularName() string { return "pod" }

// Get implements rest.Getter: whatever is asked for exists.
func (p *Pods) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	return p.pod(name), nil
}

// NewList implements rest.Lister.
func (p *Pods) NewList() runtime.Object { return &example.PodList{} }

// List implements rest.Lister: without ReadAll, there is nothing.
func (p *Pods) List(ctx context.Context, _ *metainternalversion.ListOptions) (runtime.Object, error) {
	if p.OnList != nil {
		if err := p.OnList(ctx); err != nil {
			return nil, err
		}
	}
	if p.ReadAll != nil {
		return p.ReadAll(), nil
	}
	return &example.PodList{}, nil
}

// ConvertToTable implements rest.TableConvertor: nobody asks for tables.
func (p *Pods) ConvertToTable(context.Context, runtime.Object, runtime.Object) (*metav1.Table, error) {
	return nil, errors.New("pods are not shown as tables")
}

// Create implements rest.Creater.
func (p *Pods) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	if err := validate(ctx, obj); err != nil {
		return nil, err
	}
	if p.OnCreate != nil {
		if err := p.OnCreate(ctx); err != nil {
			return nil, err
		}
	}
	return obj, nil
}

// Update implements rest.Updater.
func (p *Pods) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, _ rest.ValidateObjectFunc, validate rest.ValidateObjectUpdateFunc, _ bool, _ *metav1.UpdateOptions) (runtime.Object, bool, error) {
	old := p.pod(name)
	obj, err := info.UpdatedObject(ctx, old)
	if err != nil {
		return nil, false, err
	}
	if err := validate(ctx, obj, old); err != nil {
		return nil, false, err
	}
	if p.OnUpdate != nil {
		if err := p.OnUpdate(ctx); err != nil {
			return nil, false, err
		}
	}
	return obj, false, nil
}

func (p *Pods) pod(name string) *example.Pod {
	if p.Read != nil {
		return p.Read(name)
	}
	return &example.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", ResourceVersion: "1", UID: "1"}}
}
