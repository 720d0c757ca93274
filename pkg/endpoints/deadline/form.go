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

import "net/http"

// removeFiles removes the temporary files of a form that a handler has parsed,
// when the handler has returned, as net/http does for the request that it has
// made itself: inner is the request that the handler got, and outer the one that
// inner was made of.
func removeFiles(inner, outer *http.Request) {
	if form := inner.MultipartForm; form != nil && outer.MultipartForm == nil {
		_ = form.RemoveAll()
	}
}
