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

package heldheader

import (
	"net/http/httptest"
	"slices"
	"testing"
)

// overtaken is a lock that somebody else has held when it is taken for the first time, and has committed meanwhile.
type overtaken struct{ commit func() }

func (o *overtaken) Lock() {
	if commit := o.commit; commit != nil {
		o.commit = nil
		commit()
	}
}

func (o *overtaken) Unlock() {}

// TestCommitThatIsOvertaken: of two calls that have both found nothing committed yet, the one that gets the lock last
// adds nothing. With it each value would stand in the response twice.
func TestCommitThatIsOvertaken(t *testing.T) {
	w := httptest.NewRecorder()
	mu := &overtaken{}
	h := New(w, "Warning", mu)
	h.Header().Add("Warning", "a")
	mu.commit = h.Commit
	h.Commit()
	if got := w.Header()["Warning"]; !slices.Equal(got, []string{"a"}) || mu.commit != nil {
		t.Errorf("got %q", got)
	}
}
