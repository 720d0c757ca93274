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

package policy

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// GroupVersion is what a policy's file says as its apiVersion.
var GroupVersion = schema.GroupVersion{Group: "deadline.apiserver.config.k8s.io", Version: "v1alpha1"}

const kind = "DeadlinePolicy"

var (
	scheme = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(scheme, serializer.EnableStrict)
)

func init() {
	utilruntime.Must(AddToScheme(scheme))
}

// AddToScheme adds DeadlinePolicy and its defaults to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &DeadlinePolicy{})
	scheme.AddTypeDefaultingFunc(&DeadlinePolicy{}, func(o interface{}) { setDefaults(o.(*DeadlinePolicy)) })
	return nil
}

// setDefaults fills in what a policy leaves out: the verbs of each rule, and the
// resources of a rule that has API groups.
func setDefaults(p *DeadlinePolicy) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if len(r.Verbs) == 0 {
			r.Verbs = []string{all}
		}
		if len(r.APIGroups) > 0 && len(r.Resources) == 0 {
			r.Resources = []string{all}
		}
	}
}

// all matches everything, in a list that takes it.
const all = "*"
