package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// nothing takes what nobody is to read.
var nothing = log.New(io.Discard, "", 0)

// lingering is how long an outer filter works on after the handler has returned.
const lingering = 200 * time.Millisecond

// first reports whether a request is the one that its scenario is about. The
// filters leave the next one on the connection alone.
func first(r *run, req *http.Request) bool { return r != nil && req.RequestURI == firstPath+r.Path }

// outermost notes what net/http has in hand, and what the first request looks
// like from outside once it has been served.
func outermost(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := runOf(req)
		if r == nil {
			handler.ServeHTTP(w, req)
			return
		}
		defer r.began(req)()
		if first(r, req) {
			path, host := req.URL.Path, req.Host
			if r.does("pathvalue") {
				req.SetPathValue("same", "outermost")
			}
			defer func() {
				if v := req.PathValue("same"); v != "" {
					r.outerSays("path value " + v)
				}
				if req.URL.Path != path || req.Host != host || req.Header.Get("X-Changed") != "" || req.Form != nil {
					r.outerSays(fmt.Sprintf("changed: path %s, host %s, header %q, form %t", req.URL.Path, req.Host, req.Header.Get("X-Changed"), req.Form != nil))
				}
				r.outerSays("the context is " + contextOf(req))
				r.outerSays("the header has X-One " + w.Header().Get("X-One"))
			}()
		}
		handler.ServeHTTP(w, req)
	})
}

// filters are what a setup can have around its chain or in its middle.
var filters = map[string]func(http.Handler) http.Handler{
	// Writers that stand between net/http's and the chain.
	"unwraps":    wrapping(func(w http.ResponseWriter) http.ResponseWriter { return unwraps{bare{w}} }),
	"bare":       wrapping(func(w http.ResponseWriter) http.ResponseWriter { return bare{w} }),
	"flushes":    wrapping(func(w http.ResponseWriter) http.ResponseWriter { return flushes{bare{w}} }),
	"http1":      wrapping(func(w http.ResponseWriter) http.ResponseWriter { return http1{flushes{bare{w}}} }),
	"duplexer":   wrapping(func(w http.ResponseWriter) http.ResponseWriter { return duplexer{flushes{bare{w}}} }),
	"deadliner":  wrapping(func(w http.ResponseWriter) http.ResponseWriter { return deadliner{flushes{bare{w}}} }),
	"flusherror": wrapping(func(w http.ResponseWriter) http.ResponseWriter { return flushError{bare{w}} }),
	"all": wrapping(func(w http.ResponseWriter) http.ResponseWriter {
		return all{duplexer{flushes{bare{w}}}, deadliner{flushes{bare{w}}}}
	}),
	// Two that do nothing when they are asked to set something, and say so or not.
	"pretends": wrapping(func(w http.ResponseWriter) http.ResponseWriter { return pretends{flushes{bare{w}}, nil} }),
	"fails": wrapping(func(w http.ResponseWriter) http.ResponseWriter {
		return pretends{flushes{bare{w}}, errors.New("as planned")}
	}),

	// One that reads the body first, and works on afterwards.
	"reads": func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if first(runOf(req), req) {
				text, _ := io.ReadAll(req.Body)
				req.Body = io.NopCloser(bytes.NewReader(text))
				defer time.Sleep(lingering)
			}
			handler.ServeHTTP(w, req)
		})
	},
	"lingers": func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			handler.ServeHTTP(w, req)
			if first(runOf(req), req) {
				time.Sleep(lingering)
			}
		})
	},

	// One that makes of its handler's panic what it likes: nothing, or an answer.
	"recovers": recovering(func(http.ResponseWriter) {}),
	"recovers500": recovering(func(w http.ResponseWriter) {
		http.Error(w, "recovered", http.StatusInternalServerError)
	}),

	// One that compresses, and writes when the handler has returned.
	"compresses": func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !first(runOf(req), req) {
				handler.ServeHTTP(w, req)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := compressing{w, gzip.NewWriter(w)}
			defer z.zip.Close()
			handler.ServeHTTP(z, req)
		})
	},
	// One that answers itself if nobody else has.
	"finds": func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			seen := &seeing{ResponseWriter: w}
			handler.ServeHTTP(seen, req)
			if !seen.any {
				http.NotFound(w, req)
			}
		})
	},
	// One that has a last word.
	"appends": func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			handler.ServeHTTP(w, req)
			if r := runOf(req); first(r, req) {
				n, err := io.WriteString(w, "the last word\n")
				r.outerSays(fmt.Sprintf("appended: %d %v", n, err))
			}
		})
	},
	// One that holds the answer back until it is complete.
	"buffers": func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			b := &buffering{ResponseWriter: w, status: http.StatusOK}
			handler.ServeHTTP(b, req)
			w.Header().Set("Content-Length", fmt.Sprint(b.Len()))
			w.WriteHeader(b.status)
			_, _ = b.WriteTo(w)
		})
	},

	// One that cancels its handler's context when that tells "cancel", for good
	// or with the cause of a deadline.
	"cancels": cancelling(func(parent context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancel(parent)
		return ctx, cancel
	}),
	"expires": cancelling(func(parent context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(parent)
		return ctx, func() { cancel(context.DeadlineExceeded) }
	}),
}

// wrapping makes a filter of a writer.
func wrapping(wrap func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if r := runOf(req); first(r, req) {
				w = wrap(w)
			}
			handler.ServeHTTP(w, req)
		})
	}
}

func recovering(answer func(http.ResponseWriter)) func(http.Handler) http.Handler {
	return func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			defer func() {
				if p := recover(); p != nil {
					if r := runOf(req); r != nil {
						r.outerSays("recovered: " + r.plainly(fmt.Sprint(p)))
					}
					answer(w)
				}
			}()
			handler.ServeHTTP(w, req)
		})
	}
}

func cancelling(with func(context.Context) (context.Context, func())) func(http.Handler) http.Handler {
	return func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			r := runOf(req)
			if !first(r, req) {
				handler.ServeHTTP(w, req)
				return
			}
			ctx, cancel := with(req.Context())
			defer cancel()
			go func() {
				r.until("cancel", eventTime)
				cancel()
			}()
			handler.ServeHTTP(w, req.WithContext(ctx))
		})
	}
}

// withValue is a timeoutFunc that makes another request of each.
func withValue(req *http.Request) (*http.Request, bool, func(), *apierrors.StatusError) {
	ctx := context.WithValue(req.Context(), valueKey{}, "of the timeoutFunc")
	return req.WithContext(ctx), false, func() {}, apierrors.NewTimeoutError("as planned", 0)
}

type valueKey struct{}

// bare has the three methods of a ResponseWriter, and no more.
type bare struct{ w http.ResponseWriter }

func (b bare) Header() http.Header         { return b.w.Header() }
func (b bare) Write(p []byte) (int, error) { return b.w.Write(p) }
func (b bare) WriteHeader(status int)      { b.w.WriteHeader(status) }

type unwraps struct{ bare }

func (u unwraps) Unwrap() http.ResponseWriter { return u.w }

// The others have some of the optional ones, and no Unwrap.

type flushes struct{ bare }

func (f flushes) Flush() { f.w.(http.Flusher).Flush() }

type http1 struct{ flushes }

func (h http1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.w).Hijack()
}

//nolint:staticcheck // SA1019: handlers still use it
func (h http1) CloseNotify() <-chan bool { return h.w.(http.CloseNotifier).CloseNotify() }

type duplexer struct{ flushes }

func (d duplexer) EnableFullDuplex() error { return http.NewResponseController(d.w).EnableFullDuplex() }

type deadliner struct{ flushes }

func (d deadliner) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(d.w).SetReadDeadline(t)
}

type flushError struct{ bare }

func (f flushError) FlushError() error { return http.NewResponseController(f.w).Flush() }

type all struct {
	duplexer
	d deadliner
}

func (a all) SetReadDeadline(t time.Time) error { return a.d.SetReadDeadline(t) }
func (a all) FlushError() error                 { return http.NewResponseController(a.duplexer.w).Flush() }

type pretends struct {
	flushes
	err error
}

func (p pretends) EnableFullDuplex() error          { return p.err }
func (p pretends) SetReadDeadline(time.Time) error  { return p.err }
func (p pretends) SetWriteDeadline(time.Time) error { return p.err }
func (p pretends) FlushError() error                { return p.err }

// compressing compresses what is written.
type compressing struct {
	http.ResponseWriter
	zip *gzip.Writer
}

func (c compressing) Write(p []byte) (int, error) { return c.zip.Write(p) }

// seeing knows whether anything was answered.
type seeing struct {
	http.ResponseWriter
	any bool
}

func (s *seeing) Write(p []byte) (int, error) {
	s.any = true
	return s.ResponseWriter.Write(p)
}

func (s *seeing) WriteHeader(status int) {
	s.any = true
	s.ResponseWriter.WriteHeader(status)
}

// buffering keeps what is answered.
type buffering struct {
	http.ResponseWriter
	bytes.Buffer
	status int
}

func (b *buffering) Write(p []byte) (int, error) { return b.Buffer.Write(p) }
func (b *buffering) WriteHeader(status int)      { b.status = status }
