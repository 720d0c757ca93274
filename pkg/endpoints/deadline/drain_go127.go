//go:build go1.27

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

// go127 is whether this is built with Go 1.27 or later. Its net/http closes a
// request body when it has read the rest of it before the header, whether that
// was all of it or not. Of the body of a CONNECT it reads nothing, and ends the
// connection (finalizeHeader, in net/http/server.go). And if a body is closed
// that the client waits to be asked for, that says no more than that nobody wants
// it: net/http reads the rest after the answer all the same
// (expectContinueReader, finishRequest).
const go127 = true
