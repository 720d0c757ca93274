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
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
)

// maxDrain is how much of a request body that the handler left unread net/http
// reads before it gives up and closes the connection (maxPostHandlerReadBytes
// in net/http/server.go).
const maxDrain = 256 << 10

// body is the request body that a handler gets. It is part of the guard: once
// that is sealed, the real one is net/http's alone.
type body struct {
	g *guard

	// Immutable. Nobody but a reader that the guard counts touches them.
	real     io.ReadCloser
	inner    *http.Request // the handler's, to be given the trailer
	declared int64         // Content-Length, or -1

	trailers sync.Once

	// Guarded by g.mu.
	read int64 // bytes read
	eof  bool  // net/http waits for no more of it
}

// Read returns http.ErrHandlerTimeout after the deadline, or what else ended the request.
func (b *body) Read(p []byte) (n int, err error) {
	if err := b.enter(); err != nil {
		return 0, err
	}
	eof := false
	defer func() { b.exit(n, eof) }() // Even if it panics: the serve goroutine waits for it.
	n, err = b.real.Read(p)
	if eof = errors.Is(err, io.EOF); eof {
		// Here, while net/http cannot be filling it in.
		b.trailers.Do(b.copyTrailer)
		return n, err
	}
	return n, b.g.late(err)
}

// Close discards what is left of the body, as net/http does: when it succeeds,
// net/http knows what to do with the connection.
func (b *body) Close() error {
	if err := b.enter(); err != nil {
		return err
	}
	eof := false
	defer func() { b.exit(0, eof) }()
	err := b.real.Close()
	eof = err == nil
	return b.g.late(err)
}

func (b *body) enter() error {
	b.g.mu.Lock()
	defer b.g.mu.Unlock()
	if b.g.sealed() {
		if b.g.state == done {
			return http.ErrBodyReadAfterClose
		}
		return b.g.err
	}
	b.g.reading++
	return nil
}

func (b *body) exit(n int, eof bool) {
	b.g.mu.Lock()
	b.g.reading--
	b.read += int64(n)
	b.eof = b.eof || eof
	b.g.mu.Unlock()
	b.g.idle.Broadcast()
}

// copyTrailer gives the handler's request the trailer that came after the
// body. Requests derived from it share the map, where it was announced.
func (b *body) copyTrailer() {
	if b.inner.Trailer == nil {
		b.inner.Trailer = b.g.outer.Trailer.Clone()
		return
	}
	for k, v := range b.g.outer.Trailer {
		b.inner.Trailer[k] = slices.Clone(v)
	}
}

// expectsContinue reports whether the client waits to be asked for the body
// (RFC 9110, section 10.1.1). It must not be asked by way of draining it.
func (b *body) expectsContinue() bool { return b.g.outer.Header.Get("Expect") != "" }

// drainable reports whether net/http would try to read what is left before it
// answers, and so might wait for the client. The caller holds g.mu.
func (b *body) drainable() bool {
	return !b.eof && (b.declared < 0 || b.declared-b.read < maxDrain)
}
