//go:build go1.25

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
	"net/http"
	"net/http/httptest"
	"testing"
)

// fakeOwner is what a response is written through, or is not.
type fakeOwner bool

func (o fakeOwner) leads(http.ResponseWriter) bool { return bool(o) }
func (fakeOwner) decided() (Outcome, bool)         { return Outcome{}, false }
func (fakeOwner) sit(context.Context)              {}

// TestWhatAGuardHasOfTheServer: the server, the connection and the way to set deadlines on it are the request's own, or
// are left alone.
func TestWhatAGuardHasOfTheServer(t *testing.T) {
	direct := func() http.ResponseWriter { return newFake(t, true) }
	filtered := func() http.ResponseWriter { return httptest.NewRecorder() } // It shows no way to the connection.
	const read = "/"                                                         // net/http has read the request.
	type has struct{ server, conn, controls bool }
	for name, tt := range map[string]struct {
		owner        owner
		server, conn bool
		w            func() http.ResponseWriter
		uri          string
		http1, http2 has
	}{
		"net/http's":                      {nil, true, true, direct, read, has{true, true, true}, has{true, true, true}},
		"without ConnContext":             {nil, true, false, direct, read, has{true, false, true}, has{true, false, true}},
		"through another owner":           {fakeOwner(true), true, true, direct, read, has{true, true, true}, has{true, true, true}},
		"a sub-request":                   {fakeOwner(false), true, true, direct, read, has{}, has{}},
		"no server's":                     {nil, false, true, direct, read, has{}, has{}},
		"through a filter":                {nil, true, true, filtered, read, has{true, true, true}, has{true, true, false}},
		"through it, without ConnContext": {nil, true, false, filtered, read, has{server: true}, has{server: true}},
		"through it, not off the wire":    {nil, true, true, filtered, "", has{server: true}, has{server: true}},
		"not off the wire":                {nil, true, true, direct, "", has{true, true, true}, has{true, true, true}},
	} {
		for major, want := range map[int]has{1: tt.http1, 2: tt.http2} {
			ctx := context.Background()
			if tt.owner != nil {
				ctx = context.WithValue(ctx, guardKey{}, tt.owner)
			}
			if tt.server {
				ctx = context.WithValue(ctx, http.ServerContextKey, &http.Server{})
			}
			if tt.conn {
				ctx = ConnContext(0)(ctx, fakeConn{f: newFake(t, true)})
			}
			r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
			r.RequestURI, r.ProtoMajor = tt.uri, major
			g := newGuard(&Boundary{Answer: timeoutStatus}, nil, tt.w(), r)
			if got := (has{g.server != nil, g.conn != nil, g.controls}); got != want || g.http1 != (major == 1) {
				t.Errorf("%s, HTTP/%d: got %+v, want %+v", name, major, got, want)
			}
		}
	}
}
