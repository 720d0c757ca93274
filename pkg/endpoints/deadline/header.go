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
	"net/textproto"
	"slices"
	"strings"
)

// cloneHeader returns a copy that shares nothing with h. It is never nil.
func cloneHeader(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	return h.Clone()
}

// replaceHeader makes dst what src is, additions and deletions alike. The two
// share no value slice: whoever copied a header map holds those too.
func replaceHeader(dst, src http.Header) {
	for k := range dst {
		if _, ok := src[k]; !ok {
			delete(dst, k)
		}
	}
	copyHeader(dst, src)
}

// copyTrailers makes of dst what src is, in what a handler may set after the
// commit: the keys that it announced as trailers then, and those with
// net/http's TrailerPrefix.
func copyTrailers(dst, src http.Header) {
	for _, keys := range dst["Trailer"] {
		for k := range strings.SplitSeq(keys, ",") {
			k = http.CanonicalHeaderKey(textproto.TrimString(k))
			if v, ok := src[k]; ok {
				dst[k] = slices.Clone(v)
			} else {
				delete(dst, k)
			}
		}
	}
	for k, v := range src {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			dst[k] = slices.Clone(v)
		}
	}
}

// copyHeader copies the keys of src, all values in one array.
func copyHeader(dst, src http.Header) {
	n := 0
	for _, v := range src {
		n += len(v)
	}
	values := make([]string, 0, n)
	for k, v := range src {
		if v == nil {
			// Present and empty: net/http omits what it would set by itself.
			dst[k] = nil
			continue
		}
		from := len(values)
		values = append(values, v...)
		dst[k] = values[from:len(values):len(values)]
	}
}
