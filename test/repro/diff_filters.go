package main

import (
	"bytes"
	"net/http"
	"time"
)

// inside stands behind the chain, before the handlers. It does what is beside
// the act of a request.
func (c *cast) inside(handler http.Handler) http.Handler {
	return c.handlers.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := c.find(r.Context())
		if x == nil {
			handler.ServeHTTP(w, r)
			return
		}
		x.routed.Store(true)
		defer func() {
			if p := recover(); p != nil {
				x.aborts.Store(p == http.ErrAbortHandler)
				panic(p)
			}
		}()
		x.set(http.NewResponseController(w))
		if x.informs != 0 {
			w.WriteHeader(x.informs)
		}
		if x.sub && r.Context().Err() == nil {
			c.subRequest(x, r)
		}
		x.filter.wrap(handler).ServeHTTP(w, r)
	}))
}

// set sets the deadline that is the request's own.
func (x *randomRequest) set(rc *http.ResponseController) {
	soon, late := time.Now().Add(x.takes/2), time.Now().Add(time.Hour)
	switch x.own {
	case readSoon:
		_ = rc.SetReadDeadline(soon)
	case readLate:
		_ = rc.SetReadDeadline(late)
	case writeSoon:
		_ = rc.SetWriteDeadline(soon)
	case writeLate:
		_ = rc.SetWriteDeadline(late)
	}
}

// wrap puts the filter before a handler.
func (f ownFilter) wrap(handler http.Handler) http.Handler {
	switch f {
	case compressor:
		return compress(handler)
	case recoverer:
		return recoverPanics(handler)
	case noContent:
		return notFoundForNothing(handler)
	case opaque:
		return hide(handler)
	}
	return handler
}

// compress keeps what is written until its handler has returned, and then
// writes it, as a compressor does with the rest of what it has.
func compress(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := &keeper{w: w}
		defer k.close()
		handler.ServeHTTP(k, r)
	})
}

type keeper struct {
	w    http.ResponseWriter
	code int
	kept bytes.Buffer
}

var _ http.Flusher = &keeper{}

// Unwrap is for http.ResponseController.
func (k *keeper) Unwrap() http.ResponseWriter { return k.w }

// Header implements http.ResponseWriter.
func (k *keeper) Header() http.Header { return k.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (k *keeper) WriteHeader(code int) {
	switch {
	case code < 200 && code != http.StatusSwitchingProtocols:
		k.w.WriteHeader(code)
	case k.code == 0:
		k.code = code
	}
}

// Write implements http.ResponseWriter.
func (k *keeper) Write(p []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.kept.Write(p)
}

// Flush implements http.Flusher: there is nothing yet that can be sent.
func (k *keeper) Flush() {}

func (k *keeper) close() {
	if k.code == 0 {
		return
	}
	k.w.WriteHeader(k.code)
	_, _ = k.w.Write(k.kept.Bytes())
}

// recoverPanics answers a panic with a 500, unless something was written.
func recoverPanics(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &noter{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if n.wrote || p == http.ErrAbortHandler {
					panic(p)
				}
				http.Error(w, "that should not have happened", http.StatusInternalServerError)
			}
		}()
		handler.ServeHTTP(n, r)
	})
}

// notFoundForNothing answers 404 where its handler has written nothing.
func notFoundForNothing(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &noter{ResponseWriter: w}
		handler.ServeHTTP(n, r)
		if !n.wrote {
			http.NotFound(w, r)
		}
	})
}

// noter notes whether something was written.
type noter struct {
	http.ResponseWriter
	wrote bool
}

// Unwrap is for http.ResponseController.
func (n *noter) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (n *noter) WriteHeader(code int) {
	n.wrote = n.wrote || code >= 200
	n.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (n *noter) Write(p []byte) (int, error) {
	n.wrote = true
	return n.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (n *noter) FlushError() error {
	n.wrote = true
	return http.NewResponseController(n.ResponseWriter).Flush()
}

// hide passes on what is written and hides what the ResponseWriter can do
// besides, as filters do that are older than Unwrap.
func hide(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}
