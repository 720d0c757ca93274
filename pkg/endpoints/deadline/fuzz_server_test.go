//go:build go1.26

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
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// served is what the fuzz targets of a whole server know of a request on its side.
type served struct {
	target   string
	method   string
	start    time.Time
	took     time.Duration // of the serve goroutine; 0 if it has not returned
	over     chan struct{} // closed when it has
	outcomes []Outcome

	// What the handler has done. They are the handler's until all is over.
	bounded  bool // it has set deadlines of its own
	hijacked bool
	exited   bool          // it has panicked, or called runtime.Goexit
	left     bool          // it has started another goroutine
	held     time.Duration // the longest that a call has waited for the client, after the deadline
	duplex   bool          // it reads while it answers
	short    bool          // it has declared a length and written less
}

// fuzzServer is a net/http server on one connection in memory, with a boundary
// or without, whose handlers do what the data say.
type fuzzServer struct {
	t        *testing.T
	direct   bool // no boundary
	boundary Boundary
	timeout  time.Duration
	hold     chan struct{} // closed when handlers have to return
	server   *http.Server
	over     chan struct{} // Serve has returned

	mu       sync.Mutex
	plans    map[string][]step // of the handlers, by the request's target
	requests []*served
}

const servedKey = "fuzz" // of the report, and in the header of each answer

// serve starts the server.
func (s *fuzzServer) serve(conn net.Conn, connContext bool, protocols *http.Protocols) {
	s.hold, s.over = make(chan struct{}), make(chan struct{})
	s.boundary.Answer = timeoutStatus
	s.boundary.Reporters = []Reporter{{Key: servedKey, Say: func(r *http.Request, o Outcome) {
		of := r.Context().Value(trialKey{}).(*served)
		s.mu.Lock()
		defer s.mu.Unlock()
		of.outcomes = append(of.outcomes, o)
	}}}
	s.server = &http.Server{Handler: http.HandlerFunc(s.request), ErrorLog: log.New(io.Discard, "", 0), Protocols: protocols}
	if connContext {
		s.server.ConnContext = ConnContext(stallsFor)
	}
	go func() {
		defer close(s.over)
		s.server.Serve(listenTo(conn))
	}()
}

// stop has the server end, of which the client has gone, and its handlers, which
// have time for that.
func (s *fuzzServer) stop() {
	close(s.hold)
	time.Sleep(time.Minute)
	s.server.Close()
	<-s.over
	time.Sleep(time.Minute)
	synctest.Wait()
}

// request is the outermost handler.
func (s *fuzzServer) request(w http.ResponseWriter, r *http.Request) {
	of := &served{target: r.RequestURI, method: r.Method, start: time.Now(), over: make(chan struct{})}
	defer close(of.over)
	s.mu.Lock()
	s.requests = append(s.requests, of)
	plan := s.plans[of.target]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		of.took = max(1, time.Since(of.start))
	}()
	w.Header().Set(servedKey, r.RequestURI)
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), trialKey{}, of), s.timeout)
	defer cancel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if n, err := strconv.Atoi(w.Header().Get("Content-Length")); err == nil && n > 0 {
				of.short = true // Perhaps: nobody has counted.
			}
		}()
		s.handle(w, r, of, plan)
	})
	if s.direct {
		handler.ServeHTTP(w, r.WithContext(ctx))
		return
	}
	s.boundary.Serve(w, r.WithContext(ctx), handler)
}

// playIn plays a program, which was made of the data, in a bubble, and shows it if that has failed.
func playIn(t *testing.T, data []byte, p fmt.Stringer, play func(t *testing.T)) {
	if len(data) > 160 {
		t.Skip("nothing that a shorter one does not show")
	}
	synctest.Test(t, func(t *testing.T) {
		outlastKept(t)
		defer func() {
			if t.Failed() {
				t.Logf("the program: %s", p)
			}
		}()
		play(t)
	})
}

// letter is what the body of the answer to a request is made of.
func letter(target string) string { return string('a' + target[len(target)-1]%26) }

// blocking are the steps that may wait for the client.
var blocking = []int{opWrite, opStatus, opFlush, opRead, opClose}

// checkCalls checks that no call of a handler's has waited for the client for
// that long after the deadline: the boundary interrupts it.
func (s *fuzzServer) checkCalls(of *served, later time.Duration) {
	if !of.hijacked && of.held > later {
		s.t.Errorf("%s: a call was held for %v after the deadline", of.target, of.held)
	}
}

// handle does what the steps say, as FuzzGuard's handlers do, with net/http's
// own request and response behind.
func (s *fuzzServer) handle(w http.ResponseWriter, r *http.Request, of *served, steps []step) {
	rc := http.NewResponseController(w)
	var begun time.Time // a call that may wait for the client
	note := func() {
		if deadline := of.start.Add(s.timeout); !begun.IsZero() {
			if begun.Before(deadline) {
				begun = deadline
			}
			of.held = max(of.held, time.Since(begun))
		}
		begun = time.Time{}
	}
	for _, step := range steps {
		note()
		if slices.Contains(blocking, int(step.op)) {
			begun = time.Now()
		}
		switch arg := int(step.arg); step.op {
		case opSleep:
			time.Sleep(time.Duration(arg) * unit)
		case opWrite:
			w.Write([]byte(strings.Repeat(letter(of.target), arg*arg*arg*8)))
		case opStatus:
			w.WriteHeader([]int{200, 201, 404, 204, 304, 103, 102, 500, 503}[arg%9]) // No 504: that is the boundary's.
		case opFlush:
			rc.Flush()
		case opHeader:
			switch arg % 8 {
			case 0:
				w.Header().Set("X-Inner", "set")
			case 1:
				w.Header().Set("Content-Length", strconv.Itoa(arg*arg*arg*8))
			case 2:
				w.Header().Set("Connection", "close")
			case 3:
				w.Header().Set("Trailer", "X-Trailer")
			case 4:
				w.Header().Set("X-Trailer", "came")
			case 5:
				w.Header().Set(http.TrailerPrefix+"X-Other", "came")
			case 6:
				w.Header().Set("Content-Length", "8")
			default:
				w.Header().Set("Content-Type", "text/plain")
			}
		case opHijack:
			if arg != 15 { // A few are enough.
				continue
			}
			if conn, _, err := rc.Hijack(); err == nil {
				of.hijacked = true
				conn.Close()
			}
		case opSetReadDeadline:
			of.bounded = true
			rc.SetReadDeadline(time.Now().Add(time.Duration(arg-4) * unit))
		case opSetWriteDeadline:
			of.bounded = true
			rc.SetWriteDeadline(time.Now().Add(time.Duration(arg-4) * unit))
		case opRead:
			if arg == 15 {
				io.Copy(io.Discard, r.Body)
				continue
			}
			io.ReadFull(r.Body, make([]byte, arg*arg*arg))
		case opClose:
			r.Body.Close()
		case opBind:
			if s.direct || arg > 5 {
				continue
			}
			ctx, cancel := context.WithTimeout(r.Context(), time.Duration(arg)*unit)
			defer cancel()
			if release, ok := Bind(ctx, boundStatus); ok {
				defer release()
			}
		case opRelease:
			select {
			case <-s.hold:
			case <-r.Context().Done():
				if arg&1 == 0 {
					<-s.hold // A handler that does not honour its context.
				}
			}
		case opReport: // The op is of another use here.
			if arg&3 == 0 {
				of.duplex = true
				rc.EnableFullDuplex()
			}
		case opSpawn:
			of.left = true
			if s.direct {
				continue // There it is the handler's to see to that.
			}
			go func() {
				// A read beside others waits for a lock of net/http's, for which a bubble's
				// time does not pass.
				<-of.over
				n, err := r.Body.Read(make([]byte, arg+1))
				if n != 0 || err == nil {
					s.t.Errorf("%s: a read after the request's end: %d, %v", of.target, n, err)
				}
				if n, err := w.Write([]byte("late")); n != 0 || err == nil {
					s.t.Errorf("%s: a write after the request's end: %d, %v", of.target, n, err)
				}
			}()
		case opEnd:
			switch arg & 3 {
			case 0:
				of.exited = true
				panic(http.ErrAbortHandler)
			case 1:
				of.exited = true
				panic(errors.New("of the handler"))
			case 2:
				if arg == 2 {
					of.exited = true
					runtime.Goexit()
				}
			}
			return
		}
	}
	note()
}
