package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/warning"
)

// actor is a handler that plays the steps of a scenario. It notes what its
// calls return.
type actor struct {
	run *run
	w   http.ResponseWriter
	r   *http.Request

	written int    // of the content
	got     int    // of the request's body
	digest  digest // of that
	zip     *gzip.Writer
	quiet   bool // notes no more
}

// play plays the steps until one of them does not return.
func (a *actor) play(steps []string) {
	for _, step := range steps {
		op, args, _ := strings.Cut(step, " ")
		ops[op](a, step, args)
	}
}

// note notes what came of a step.
func (a *actor) note(step string, what any) {
	if a.quiet {
		return
	}
	if err, ok := what.(error); ok && err != nil {
		what = a.run.plainly(err.Error())
	} else if what == nil {
		what = "ok"
	}
	a.run.handlerSays(fmt.Sprintf("%s: %v", step, what))
}

// ops are what the first word of a step means. Each is given the step, and what follows that word.
var ops map[string]func(a *actor, step, args string)

func init() {
	ops = map[string]func(a *actor, step, args string){
		// The header, before the commit or, for trailers, after it.
		"header": func(a *actor, _, args string) {
			k, v, _ := strings.Cut(args, " ")
			a.w.Header().Set(k, v)
		},
		"add": func(a *actor, _, args string) {
			k, v, _ := strings.Cut(args, " ")
			a.w.Header().Add(k, v)
		},
		"delete": func(a *actor, _, args string) { a.w.Header().Del(args) },
		// Present, and nil: for net/http a reason to omit what it would set.
		"suppress": func(a *actor, _, args string) { a.w.Header()[args] = nil },

		// The status and the body.
		"status": func(a *actor, _, args string) { a.w.WriteHeader(number(args)) },
		"write":  func(a *actor, step, args string) { a.write(step, number(args), number(args)) },
		"writes": func(a *actor, step, args string) { // of so many bytes each, and how many in all
			each, all, _ := strings.Cut(args, " ")
			a.write(step, number(each), number(all))
		},
		"text": func(a *actor, step, args string) {
			n, err := io.WriteString(a.to(), args)
			a.note(step, written(n, err))
		},
		"copy": func(a *actor, step, args string) {
			n, err := io.Copy(a.to(), strings.NewReader(content(0, number(args))))
			a.note(step, written(int(n), err))
		},
		"flush": func(a *actor, step, _ string) {
			if f, ok := a.w.(http.Flusher); ok {
				f.Flush()
			} else {
				a.note(step, "cannot")
			}
		},
		"flusherror": func(a *actor, step, _ string) { a.note(step, a.controller().Flush()) },
		"zip":        func(a *actor, _, _ string) { a.w.Header().Set("Content-Encoding", "gzip"); a.zip = gzip.NewWriter(a.w) },
		"unzip":      func(a *actor, step, _ string) { a.note(step, a.zip.Close()); a.zip = nil },
		"error":      func(a *actor, _, args string) { http.Error(a.w, "as planned", number(args)) },
		"redirect":   func(a *actor, _, _ string) { http.Redirect(a.w, a.r, "/same/elsewhere", http.StatusFound) },
		"serve": func(a *actor, _, args string) { // a file, with ranges and conditions
			a.w.Header().Set("Etag", `"same"`)
			http.ServeContent(a.w, a.r, "same.txt", time.Unix(1e9, 0), strings.NewReader(content(0, number(args))))
		},
		"warning": func(a *actor, _, args string) { warning.AddWarning(a.r.Context(), "", args) },

		// The request.
		"request": func(a *actor, step, _ string) { a.note(step, a.request()) },
		"read":    func(a *actor, step, args string) { a.read(step, int64(number(args))) },
		"readall": func(a *actor, step, _ string) { a.read(step, 1<<40) },
		"close":   func(a *actor, step, _ string) { a.note(step, a.r.Body.Close()) },
		"limit": func(a *actor, _, args string) {
			a.r.Body = http.MaxBytesReader(a.w, a.r.Body, int64(number(args)))
		},
		"trailer": func(a *actor, step, _ string) { a.note(step, sortedHeader(a.r.Trailer)) },
		"pathvalue": func(a *actor, _, _ string) {
			a.r.SetPathValue("same", "handler")
		},
		"change": func(a *actor, _, _ string) {
			a.r.Header.Set("X-Changed", "handler")
			a.r.URL.Path = "/changed"
			a.r.Host = "changed"
			_ = a.r.ParseForm()
		},

		// The context, and what else tells of the client.
		"deadline": func(a *actor, step, _ string) {
			_, ok := a.r.Context().Deadline()
			a.note(step, ok)
		},
		"context": func(a *actor, step, _ string) { a.note(step, contextOf(a.r)) },
		"value":   func(a *actor, step, _ string) { a.note(step, a.r.Context().Value(valueKey{})) },
		"ends": func(a *actor, step, args string) { // within so many ms
			wait(a.r.Context().Done(), millis(args))
			a.note(step, contextOf(a.r))
		},
		"notified": func(a *actor, step, args string) {
			n, ok := a.w.(http.CloseNotifier) //nolint:staticcheck // SA1019: handlers still use it
			if !ok {
				a.note(step, "cannot")
				return
			}
			a.note(step, wait(n.CloseNotify(), millis(args)))
		},

		// The connection.
		"readdeadline":  func(a *actor, step, args string) { a.note(step, a.controller().SetReadDeadline(moment(args))) },
		"writedeadline": func(a *actor, step, args string) { a.note(step, a.controller().SetWriteDeadline(moment(args))) },
		"duplex":        func(a *actor, step, _ string) { a.note(step, a.controller().EnableFullDuplex()) },
		"interfaces":    func(a *actor, step, _ string) { a.note(step, interfacesOf(a.w)) },
		"hijack":        func(a *actor, step, args string) { a.hijack(step, args) },

		// The end.
		"panic":  func(_ *actor, _, args string) { panic("as planned " + args) },
		"abort":  func(*actor, string, string) { panic(http.ErrAbortHandler) },
		"goexit": func(*actor, string, string) { runtime.Goexit() },

		// Others. A handler is quiet where what its calls return is a race.
		"quiet": func(a *actor, _, _ string) { a.quiet = true },
		"tell":  func(a *actor, _, args string) { a.run.tell(args) },
		"until": func(a *actor, step, args string) { a.note(step, a.run.until(args, eventTime)) },
		"sleep": func(_ *actor, _, args string) { time.Sleep(millis(args)) },
		"proxy": func(a *actor, _, args string) { proxyTo(args).ServeHTTP(a.w, a.r) },
		"sub":   func(a *actor, step, args string) { a.sub(step, args) },
	}
}

func (a *actor) controller() *http.ResponseController { return http.NewResponseController(a.w) }

func (a *actor) to() io.Writer {
	if a.zip != nil {
		return a.zip
	}
	return a.w
}

// write writes the content that is next, in parts of the size each. It ends at the first error.
func (a *actor) write(step string, each, all int) {
	done := 0
	var err error
	for {
		var n int
		n, err = io.WriteString(a.to(), content(a.written, min(each, all-done)))
		done, a.written = done+n, a.written+n
		if err != nil || done >= all {
			break
		}
	}
	a.note(step, written(done, err))
}

// written is what a call says that was to write something. How much of it went
// before an error is a matter of the buffers of the kernel.
func written(n int, err error) any {
	if err != nil {
		return err
	}
	return n
}

// read reads so many bytes of the body, or all there are.
func (a *actor) read(step string, n int64) {
	got, err := io.Copy(&a.digest, io.LimitReader(a.r.Body, n))
	a.got += int(got)
	text := fmt.Sprintf("%d, %v in all", a.got, &a.digest)
	if err != nil {
		text += ", " + a.run.plainly(err.Error())
	}
	a.note(step, text)
}

// request says what the request is.
func (a *actor) request() string {
	r := a.r
	keys := make([]string, 0, len(r.Trailer))
	for k := range r.Trailer {
		keys = append(keys, k)
	}
	return fmt.Sprintf("%s %s %s, host %s, length %d, encoding %v, close %t, trailers %d %v, no body %t, TLS %t",
		r.Method, r.RequestURI, r.Proto, r.Host, r.ContentLength, r.TransferEncoding, r.Close, len(keys), keys, r.Body == http.NoBody, r.TLS != nil)
}

// hijack takes the connection and answers on it: at once and for good, or, for
// an "echo", after it has read a line.
func (a *actor) hijack(step, how string) {
	h, ok := a.w.(http.Hijacker)
	if !ok {
		_, _, err := a.controller().Hijack()
		a.note(step, fmt.Sprintf("cannot (%v)", err))
		return
	}
	conn, rw, err := h.Hijack()
	a.note(step, err)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(eventTime))
	if how == "echo" {
		line, err := rw.ReadString('\n')
		a.note(step, fmt.Sprintf("read %q, %v", line, err))
	}
	_, err = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhijacked\n")
	if err == nil {
		err = rw.Flush()
	}
	a.note(step, err)
	n, err := a.w.Write([]byte("too late"))
	a.note("write after the hijack", written(n, err))
}

// sub serves a request of its own in process, with a recorder.
func (a *actor) sub(step, how string) {
	recorder := httptest.NewRecorder()
	r := a.r.Clone(a.r.Context())
	r.URL.Path = subPath
	a.run.server.sub(how).ServeHTTP(recorder, r)
	a.note(step, fmt.Sprintf("%d, %d bytes", recorder.Code, recorder.Body.Len()))
}

// interfacesOf lists the optional interfaces that a writer has, and those of
// http.ResponseController's calls that it can be asked for without effect.
func interfacesOf(w http.ResponseWriter) string {
	var has []string
	for _, i := range []struct {
		name string
		ok   bool
	}{
		{"Flusher", is[http.Flusher](w)},
		{"Hijacker", is[http.Hijacker](w)},
		{"CloseNotifier", is[http.CloseNotifier](w)}, //nolint:staticcheck // SA1019: handlers still use it
		{"Pusher", is[http.Pusher](w)},
	} {
		if i.ok {
			has = append(has, i.name)
		}
	}
	return strings.Join(has, " ")
}

func is[T any](w any) bool {
	_, ok := w.(T)
	return ok
}

func contextOf(r *http.Request) string {
	if err := r.Context().Err(); err != nil {
		return err.Error()
	}
	return "alive"
}

// wait waits for ch, that long at most.
func wait[T any](ch <-chan T, d time.Duration) string {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ch:
		return "yes"
	case <-timer.C:
		return "no"
	}
}

// moment is a time to set for a deadline.
func moment(when string) time.Time {
	switch when {
	case "past":
		return time.Unix(1, 0)
	case "never":
		return time.Time{}
	case "later":
		return time.Now().Add(time.Hour)
	}
	return time.Now().Add(millis(when))
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func millis(s string) time.Duration { return time.Duration(number(s)) * time.Millisecond }
