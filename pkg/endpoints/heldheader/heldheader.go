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

// Package heldheader keeps one response header, whose values any goroutine
// may add, out of the response's header map until the response is committed.
package heldheader

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

// Header is one response header that is kept apart.
//
// A response's header map has one owner, the goroutine that commits the
// response, and neither the map nor a value slice in it may change once it is
// committed: net/http and the writers in between hold both and read them
// without a lock. So values are collected in a map of the Header's own, and
// that goroutine copies them over once, just before the first final
// WriteHeader, Write or Flush passes through the ResponseWriter. What is
// collected later goes nowhere.
type Header struct {
	// Immutable.
	name string
	mu   sync.Locker
	w    http.ResponseWriter

	// held is guarded by mu.
	held http.Header

	// rendered is set under mu, after the copy, and read without.
	rendered atomic.Bool
}

// New keeps the header of that name, which must be in canonical form, apart from
// w's header map. The lock is the collector's own: it must be held to use what
// Header returns.
func New(w http.ResponseWriter, name string, mu sync.Locker) *Header {
	return &Header{name: name, mu: mu, w: w, held: http.Header{}}
}

// Header returns the map in which values are collected in place of the
// response's. The caller holds the lock given to New for as long as it uses it.
func (h *Header) Header() http.Header { return h.held }

// ResponseWriter returns the writer to use in place of the one given to New.
// It has the same optional methods, and is as safe for concurrent use as that
// one: net/http's is not safe at all.
func (h *Header) ResponseWriter() http.ResponseWriter {
	if !canFlush(h.w) {
		return responsewriter.WrapForHTTP1Or2(&writer{h})
	}
	return responsewriter.WrapForHTTP1Or2(&flusher{writer{h}})
}

// canFlush reports whether w can be flushed, with or without an error, or a
// writer that it unwraps to can.
func canFlush(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// Commit copies the collected values into the response's header map, in front
// of those that were set there directly, and closes the collection. The
// ResponseWriter does so by itself; it is for a handler that has returned
// without a write, when net/http is about to commit in its place. Only the
// first call does anything. It must be made by the goroutine that owns the
// response.
func (h *Header) Commit() {
	if h.rendered.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rendered.Load() {
		return
	}
	if values := h.held[h.name]; len(values) > 0 {
		header := h.w.Header()
		header[h.name] = slices.Concat(values, header[h.name])
	}
	h.rendered.Store(true)
}

// writer commits a Header on the way to the response.
type writer struct{ held *Header }

var (
	_ responsewriter.UserProvidedDecorator = &writer{}
	_ responsewriter.UserProvidedDecorator = &flusher{}
	_ http.Flusher                         = &flusher{}
)

func (w *writer) Unwrap() http.ResponseWriter { return w.held.w }

func (w *writer) Header() http.Header { return w.held.w.Header() }

func (w *writer) WriteHeader(status int) {
	// An informational response is followed by the final one, which is the
	// one that commits (RFC 9110, section 15.2); 101 has no successor.
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.held.Commit()
	}
	w.held.w.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.held.Commit()
	return w.held.w.Write(p)
}

// flusher is a writer to a response that can be flushed, which commits it.
type flusher struct{ writer }

func (w *flusher) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController asks for first.
func (w *flusher) FlushError() error {
	w.held.Commit()
	// The controller finds what flushes, if there is anything, behind any wrapper.
	return http.NewResponseController(w.held.w).Flush()
}
