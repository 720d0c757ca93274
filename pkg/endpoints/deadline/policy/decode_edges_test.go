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
	"fmt"
	"testing"
)

// TestDecodeOfABadSeparator: what stands behind a line's --- is neither passed over with the rules that follow it nor taken
// for a part of them. What is before it would be a policy by itself.
func TestDecodeOfABadSeparator(t *testing.T) {
	const want = "invalid Yaml document separator: rules"
	if p, err := Decode([]byte(header + "rules: []\n--- rules\n")); err == nil || err.Error() != want {
		t.Errorf("got %+v, %v, want %s", p, err, want)
	}
}

// TestDecodeOfAResourceThatIsAPath: with what cannot stand in a path as it is, a rule would match nothing, ever.
func TestDecodeOfAResourceThatIsAPath(t *testing.T) {
	for _, resource := range []string{"pods?watch", "pods#a", "po%64s", "pods ", "pods/log\t"} {
		want := fmt.Sprintf("rules[0].resources[0]: Invalid value: %q: must be a resource as it stands in a path", resource)
		p, err := Decode([]byte(header + `rules: [{name: a, timeout: 5s, apiGroups: [""], resources: ["` + resource + `"]}]`))
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %+v, %v", resource, p, err)
		}
	}
}
