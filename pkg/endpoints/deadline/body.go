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
	"time"
)

// errNotClosed is how a Close has ended that panicked.
var errNotClosed = errors.New("not closed")

// body is the request body that a handler gets. It is part of the guard: once
// that is sealed, the real one is net/http's alone, but for reads that are under
// way in an outer filter's (strays).
type body struct {
	g *guard

	// Immutable. real and inner are touched by readers that the guard counts, by
	// drain, and, when nobody reads any more, by the serve goroutine (linger).
	real     io.ReadCloser
	inner    *http.Request // the handler's, to be given the trailer
	declared int64         // Content-Length, or -1
	sent     bool          // the client sends one, for which net/http may wait

	trailers sync.Once

	// Guarded by g.mu.
	read    int64 // bytes that the handler has read
	eof     bool  // a read has come to its end: see spent
	drained bool  // drain has had its chance: the header leaves once
	closed  bool  // drain has closed it to the handler: see go127
}

// Read returns http.ErrHandlerTimeout after the deadline, or what else ended the request.
func (b *body) Read(p []byte) (n int, err error) {
	if closed, err := b.enter(); closed {
		return 0, http.ErrBodyReadAfterClose
	} else if err != nil {
		return 0, err
	}
	var real error
	defer func() { b.exit(n, real) }() // Even if it panics: the serve goroutine waits for it.
	n, real = b.real.Read(p)
	if err = real; errors.Is(err, io.EOF) {
		if b.g.result() <= committed {
			// It is copied here, while net/http cannot be filling it in.
			b.trailers.Do(b.copyTrailer)
		}
		return n, err
	}
	return n, b.g.late(err)
}

// Close discards what is left of the body, as net/http does: when it succeeds,
// net/http knows what to do with the connection.
func (b *body) Close() error {
	if closed, err := b.enter(); closed || err != nil {
		return err
	}
	end := errNotClosed
	defer func() { b.exit(0, end) }()
	err := b.real.Close()
	if end = err; err == nil && !b.unasked() {
		end = io.EOF // net/http has read what there was, or knows that it has not.
		b.trailers.Do(b.copyTrailer)
	}
	return b.g.late(err)
}

// unasked reports whether the client may still be waiting to be asked for the
// body. As of Go 1.27, Close does not have net/http read such a body.
func (b *body) unasked() bool {
	b.g.mu.Lock()
	defer b.g.mu.Unlock()
	return go127 && b.read == 0 && b.g.outer.Header.Get("Expect") != ""
}

// enter counts a reader, which exit lets go, unless the body is closed, or the
// guard sealed: err is what the call gets then.
func (b *body) enter() (closed bool, err error) {
	b.g.mu.Lock()
	defer b.g.mu.Unlock()
	if b.g.sealed() {
		if b.g.err == errReturned {
			return false, http.ErrBodyReadAfterClose
		}
		return false, b.g.err
	}
	if b.closed {
		return true, nil
	}
	b.g.reading++
	return false, nil
}

// exit ends a read that has read n bytes and come to that end.
func (b *body) exit(n int, err error) {
	b.g.mu.Lock()
	b.g.reading--
	b.note(n, err)
	b.g.mu.Unlock()
	b.g.idle.Broadcast()
}

// spent reports whether net/http waits for no more of the client's body, as far
// as can be told. If an outer filter has put a body of its own in that one's
// place, the end of its body counts only if all that the client announced has
// been read of it. The caller holds mu.
func (b *body) spent() bool {
	return b.eof && (b.isNetHTTPs() || b.declared >= 0 && b.read >= b.declared)
}

// note notes how a read has ended. The caller holds mu.
func (b *body) note(n int, err error) {
	b.read += int64(n)
	over := b.eof
	b.eof = over || atItsEnd(err)
	if errors.Is(err, io.EOF) && !over && b.spent() {
		b.g.readBy = time.Time{} // net/http takes back what read deadline there was, to watch the client; once.
	}
	b.g.noteRead(err)
}

// atItsEnd reports whether the error of a read says that no more comes of a body:
// it has been read, or closed, so that net/http knows what to do with the rest.
func atItsEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, http.ErrBodyReadAfterClose)
}

// copyTrailer gives the handler's request the trailer that came after the
// body. Requests derived from it share the map, where it was announced. It is
// called during a call of the handler's, and once.
func (b *body) copyTrailer() {
	if b.inner.Trailer == nil {
		b.inner.Trailer = b.g.outer.Trailer.Clone()
		return
	}
	for k, v := range b.g.outer.Trailer {
		b.inner.Trailer[k] = slices.Clone(v)
	}
}
