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

package deadline

import (
	"net/http"
	"reflect"
	"testing"
)

func TestCloneHeader(t *testing.T) {
	values := make([]string, 0, 8)
	if clone, rest := cloneHeader(nil, values); clone == nil || len(clone) != 0 || cap(rest) != 8 {
		t.Errorf("of nil: got %#v, and room for %d", clone, cap(rest))
	}
	h := http.Header{"A": {"a", "b"}, "Empty": {}, "Nil": nil}
	clone, values := cloneHeader(h, values)
	if !reflect.DeepEqual(clone, h) {
		t.Errorf("got %#v, want %#v", clone, h)
	}
	if len(values) != 2 {
		t.Errorf("%d values stand in the room, want 2", len(values))
	}
	_ = append(clone["A"], "c")
	if values = values[:3]; values[2] != "" {
		t.Error("what is appended to a value goes where the next one is to stand")
	}
}

func TestReplaceHeader(t *testing.T) {
	same := []string{"same"}
	for name, tt := range map[string]struct{ had, is http.Header }{
		"nothing":                {http.Header{}, http.Header{}},
		"added":                  {http.Header{"A": {"a"}}, http.Header{"A": {"a"}, "B": {"b", "c"}}},
		"taken out":              {http.Header{"A": {"a"}, "B": {"b"}}, http.Header{"A": {"a"}}},
		"one for another":        {http.Header{"A": {"a"}}, http.Header{"B": {"a"}}},
		"changed":                {http.Header{"A": {"a"}}, http.Header{"A": {"b"}}},
		"nil that was not there": {http.Header{}, http.Header{"Date": nil}},
		"nil for something":      {http.Header{"Date": {"now"}}, http.Header{"Date": nil}},
		"nil for empty":          {http.Header{"Date": {}}, http.Header{"Date": nil}},
		"empty for nil":          {http.Header{"Date": nil}, http.Header{"Date": {}}},
		"nil, still":             {http.Header{"Date": nil}, http.Header{"Date": nil}},
	} {
		for _, size := range []int{0, 1, 8} {
			room := make([]string, 0, size)
			dst, src := tt.had.Clone(), tt.is.Clone()
			dst["Same"], src["Same"] = same, []string{"same"}
			replaceHeader(dst, src, room)
			want := src.Clone()
			if !reflect.DeepEqual(dst, want) {
				t.Errorf("%s, with room for %d: got %#v, want %#v", name, size, dst, want)
			}
			if &dst["Same"][0] != &same[0] {
				t.Errorf("%s: what is the same in both has been replaced", name)
			}
			for _, v := range src {
				for i := range v {
					v[i] = "scribbled"
				}
			}
			if !reflect.DeepEqual(dst, want) {
				t.Errorf("%s: the two share values", name)
			}
		}
	}
}

// TestRoomOfAHeader: what there is room for costs no allocation, and the rest of a header one.
func TestRoomOfAHeader(t *testing.T) {
	src := http.Header{"A": {"1"}, "B": {"2"}, "C": {"3"}, "D": {"4"}, "E": {"5"}, "F": {"6"}}
	dst := src.Clone()
	for size, want := range map[int]float64{0: 1, 6: 0} {
		room := make([]string, 0, size)
		if got := testing.AllocsPerRun(10, func() {
			for k := range dst {
				dst[k] = nil
			}
			replaceHeader(dst, src, room)
		}); got != want {
			t.Errorf("with room for %d: %v allocations, want %v", size, got, want)
		}
	}
}

func TestCopyTrailers(t *testing.T) {
	dst := http.Header{"Trailer": {"a, x-gone", "B,"}, "X-Gone": {"early"}, "Kept": {"kept"}}
	src := http.Header{"A": {"a"}, "B": {"b", "c"}, "Kept": {"late"}, http.TrailerPrefix + "P": {"p"}}
	copyTrailers(dst, src)
	want := http.Header{"Trailer": {"a, x-gone", "B,"}, "A": {"a"}, "B": {"b", "c"}, "Kept": {"kept"}, http.TrailerPrefix + "P": {"p"}}
	if !reflect.DeepEqual(dst, want) {
		t.Errorf("got %v, want %v", dst, want)
	}
	src["A"][0], src[http.TrailerPrefix+"P"][0] = "scribbled", "scribbled"
	if !reflect.DeepEqual(dst, want) {
		t.Errorf("what is copied is shared: got %v, want %v", dst, want)
	}
}
