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
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
)

// TestLabelsOfTheNextRequest: a goroutine that has served another request gets its labels from the one that it serves,
// and not from who has started it.
func TestLabelsOfTheNextRequest(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := newBoundary()
	for _, label := range []string{"first", "second"} {
		ctx := pprof.WithLabels(context.Background(), pprof.Labels("next", label)) // Which this goroutine has not.
		b.Serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			var profile bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
			if want := `"next":"` + label + `"`; !strings.Contains(profile.String(), want) || strings.Count(profile.String(), `"next":`) != 1 {
				t.Errorf("the labels %s are not its handler's alone:\n%s", want, &profile)
			}
		}))
		for b.idle() == 0 {
			runtime.Gosched()
		}
	}
}
