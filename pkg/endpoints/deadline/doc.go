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

// Package deadline runs an http.Handler under the deadline of its request and
// makes the deadline hold: the client gets its answer, the handler loses its
// grip on the connection, and one place knows what reached the client.
//
// A request crosses a Boundary from net/http's goroutine, the serve goroutine,
// to one other, the handler goroutine. Between the two stands the guard, the
// handler's ResponseWriter and request body. Whoever ends the request first,
// the handler by returning or the serve goroutine by the deadline, seals the
// guard; from then on it touches nothing of net/http's, whichever goroutine
// calls it and for however long.
//
// Deadlines are not armed. When one fires, the serve goroutine interrupts the
// read or write that is in flight, if there is one, by setting the read or
// write deadline of that connection or stream to the past.
//
// What is to be said about a request, in logs and metrics, is registered as a
// report and said once, with the Outcome that the guard knows. A handler that
// runs on after its request has ended is overdue: counted, logged while it
// stays, and capped in number.
//
// A LongRunning is for requests that have no deadline, such as watches: it ends a
// response of which the client takes nothing.
//
// Both serve any net/http server, over HTTP/1.x and HTTP/2. A server should have
// ConnContext and, below TLS, a Listener; what is lost without them is said there.
// Within, a handler or filter may have a tighter bound with Bind, report on its
// request with Report, and ask what was sent of a long-running one with Sent.
package deadline
