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
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// cloneHeader returns a copy that shares nothing with h, with its values
// appended to values. It is never nil.
func cloneHeader(h http.Header, values []string) (http.Header, []string) {
	if h == nil {
		return http.Header{}, values
	}
	clone := maps.Clone(h)
	for k, v := range clone {
		if v != nil {
			clone[k], values = appendValues(values, v)
		}
	}
	return clone, values
}

// appendValues copies v to the end of values. What is appended to the copy later
// does not get into values: the copy has no room.
func appendValues(values, v []string) (copied, all []string) {
	from := len(values)
	values = append(values, v...)
	return values[from:len(values):len(values)], values
}

// replaceHeader makes dst what src is, additions and deletions alike. The two
// share no value slice afterwards: whoever has copied a header map holds its
// slices too. What is the same in both is left as it is. The values that dst gets
// are put into room, as far as it goes, which must be nobody else's from then on.
func replaceHeader(dst, src http.Header, room []string) {
	had, kept := len(dst), 0
	for k, v := range src {
		old, ok := dst[k]
		if ok {
			kept++
			if (old == nil) == (v == nil) && slices.Equal(old, v) {
				continue
			}
		}
		if v == nil {
			// Present and empty: net/http omits what it would set by itself.
			dst[k] = nil
			continue
		}
		if cap(room)-len(room) < len(v) {
			room = make([]string, 0, len(v)+len(src))
		}
		dst[k], room = appendValues(room, v)
	}
	if kept == had {
		return
	}
	for k := range dst {
		if _, ok := src[k]; !ok {
			delete(dst, k)
		}
	}
}

// copyTrailers copies from src to dst what a handler may set after the commit:
// the keys that it had announced as trailers at the commit, and those with
// net/http's TrailerPrefix, all of which it may also have deleted since.
func copyTrailers(dst, src http.Header) {
	for _, keys := range dst["Trailer"] {
		for _, k := range strings.Split(keys, ",") {
			k = http.CanonicalHeaderKey(textproto.TrimString(k))
			if v, ok := src[k]; ok {
				dst[k] = slices.Clone(v)
			} else {
				delete(dst, k)
			}
		}
	}
	maps.DeleteFunc(dst, func(k string, _ []string) bool { return strings.HasPrefix(k, http.TrailerPrefix) })
	for k, v := range src {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			dst[k] = slices.Clone(v)
		}
	}
}
