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
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// TestHandlersOwnRequest: all that there is of a request is there for the handler, and what it does to that is not
// done to the request that came.
func TestHandlersOwnRequest(t *testing.T) {
	request := func() *http.Request {
		r := httptest.NewRequest("POST", "http://user:secret@host/path?query", nil)
		r.Header = http.Header{"A": {"a", "b"}, "Empty": {}}
		r.Trailer = http.Header{"Sum": {"sum"}}
		r.TransferEncoding = []string{"chunked"}
		r.Form = url.Values{"form": {"x"}}
		r.PostForm = url.Values{"post": {"x"}}
		r.MultipartForm = &multipart.Form{Value: map[string][]string{"part": {"x"}}, File: map[string][]*multipart.FileHeader{}}
		r.SetPathValue("path", "x")
		return r
	}
	r, want := request(), request()
	(&Boundary{Answer: timeoutStatus}).Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		is, was := reflect.ValueOf(*r), reflect.ValueOf(*want)
		for i := range is.NumField() {
			if f := is.Type().Field(i); f.IsExported() && !reflect.DeepEqual(is.Field(i).Interface(), was.Field(i).Interface()) {
				t.Errorf("%s is %#v, want %#v", f.Name, is.Field(i), was.Field(i))
			}
		}
		if got := r.PathValue("path"); got != "x" {
			t.Errorf("the path value is %q", got)
		}
		r.URL.Path, *r.URL.User = "/inner", *url.User("inner")
		r.Header["A"][0], r.Trailer["Sum"][0], r.TransferEncoding[0] = "inner", "inner", "inner"
		r.Form["form"][0], r.PostForm["post"][0], r.MultipartForm.Value["part"][0] = "inner", "inner", "inner"
		r.SetPathValue("path", "inner")
	}))
	if !reflect.DeepEqual(r.URL, want.URL) || !reflect.DeepEqual(r.Header, want.Header) || !reflect.DeepEqual(r.Trailer, want.Trailer) ||
		!reflect.DeepEqual(r.TransferEncoding, want.TransferEncoding) || !reflect.DeepEqual(r.Form, want.Form) ||
		!reflect.DeepEqual(r.PostForm, want.PostForm) || !reflect.DeepEqual(r.MultipartForm, want.MultipartForm) || r.PathValue("path") != "x" {
		t.Errorf("the handler has changed what came to %+v", r)
	}
}

// TestHandlersOwnBody: it is the guard's where there is one, whoever it is of.
func TestHandlersOwnBody(t *testing.T) {
	some := func() io.ReadCloser { return io.NopCloser(strings.NewReader("body")) }
	for name, tt := range map[string]struct {
		body    io.ReadCloser
		prepare func(r *http.Request)
		guarded bool
		sent    bool // by the client
	}{
		"none":                        {nil, func(*http.Request) {}, false, false},
		"an empty one":                {http.NoBody, func(*http.Request) {}, false, false},
		"one that is chunked":         {some(), func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, true, true},
		"one of a length":             {some(), func(r *http.Request) { r.Header.Set("Content-Length", "4") }, true, true},
		"a filter's, the client none": {some(), func(*http.Request) {}, true, false},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Body, r.ContentLength = tt.body, 4
		tt.prepare(r)
		g := newGuard(&Boundary{Answer: timeoutStatus}, nil, httptest.NewRecorder(), r)
		if guarded := g.body != nil; guarded != tt.guarded || !guarded && g.inner.Body != tt.body || guarded && g.inner.Body != g.body {
			t.Errorf("%s: the handler has %#v", name, g.inner.Body)
		} else if guarded && (g.body.sent != tt.sent || g.body.declared != 4 || g.body.real != tt.body) {
			t.Errorf("%s: got %+v", name, g.body)
		}
	}
	// A request that a program has made may have no URL.
	r := (&http.Request{Header: http.Header{}}).WithContext(context.Background())
	if g := newGuard(&Boundary{Answer: timeoutStatus}, nil, httptest.NewRecorder(), r); g.inner.URL != nil {
		t.Errorf("without a URL: got %v", g.inner.URL)
	}
}
