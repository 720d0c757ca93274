//go:build go1.25

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
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"sigs.k8s.io/yaml"
)

// FuzzDecode: whatever a file has in it, it is refused, or is a policy that is valid,
// is the same when it is written and read again, and can be asked.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(several))
	f.Add([]byte(header + "rules: []"))
	f.Add([]byte(header + "rules:\n- {name: a, timeout: 5, users: [a], verbs: ['*']}\n---\na: &a [*a]"))
	f.Add([]byte(`{"apiVersion":"deadline.apiserver.config.k8s.io/v1alpha1","kind":"DeadlinePolicy","rules":[{"name":"a","timeout":"5s"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		if errs := Validate(p); len(errs) > 0 {
			t.Fatalf("what was decoded is not valid: %v", errs)
		}
		written, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		// An empty list is written as none.
		if !equality.Semantic.DeepEqual(p.DeepCopy().Rules, again.Rules) {
			t.Fatalf("got  %+v\nwant %+v", again.Rules, p.Rules)
		}
		ready := New(p)
		for _, i := range []*request.RequestInfo{{Verb: "get", Path: "/"}, {IsResourceRequest: true, Verb: "create", Resource: "pods"}} {
			outer := ready.Outer(i, DefaultBound(time.Minute))
			inner := ready.Inner(i, &user.DefaultInfo{Name: "a", Groups: []string{"b"}}, outer)
			if inner.Request.Duration > outer.Request.Duration || inner.Handler.Duration > outer.Handler.Duration || inner.Request.Duration < minTimeout {
				t.Fatalf("outer %+v, inner %+v", outer, inner)
			}
		}
	})
}
