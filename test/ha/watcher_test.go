package ha

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
)

func watchLine(kind, name string, revision int) string {
	return fmt.Sprintf(`{"type":%q,"object":{"metadata":{"name":%q,"resourceVersion":"%d"}}}`+"\n", kind, name, revision)
}

// follow has a watcher follow what a server says on each of its streams, and returns it with the versions that it asked for.
func follow(t *testing.T, streams ...func(w http.ResponseWriter)) (w *watcher, asked []string) {
	t.Helper()
	c := testClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("resourceVersion"))
		if len(asked) > len(streams) {
			t.Errorf("stream %d was asked for", len(asked))
			return
		}
		streams[len(asked)-1](w)
	}))
	w = &watcher{client: c, tally: newTally(), first: make(chan struct{}), last: 7}
	w.run(t.Context())
	return w, asked
}

// TestWatcherGoesOn: after each end, from the version that came last.
func TestWatcherGoesOn(t *testing.T) {
	w, asked := follow(t,
		func(w http.ResponseWriter) { fmt.Fprint(w, watchLine("ADDED", "a", 8), watchLine("BOOKMARK", "", 12)) },
		func(w http.ResponseWriter) { http.Error(w, "busy", http.StatusTooManyRequests) },
		func(w http.ResponseWriter) {
			fmt.Fprint(w, watchLine("DELETED", "a", 13))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		func(w http.ResponseWriter) { fmt.Fprint(w, watchLine("ADDED", lastName, 14)) },
	)
	if want := []string{"7", "12", "12", "13"}; !slices.Equal(asked, want) {
		t.Errorf("asked from %v, want %v", asked, want)
	}
	if want := []event{{8, "ADDED", "a"}, {13, "DELETED", "a"}, {14, "ADDED", lastName}}; !slices.Equal(w.seen, want) {
		t.Errorf("saw %v, want %v", w.seen, want)
	}
	got := w.tally.enter()
	if want := map[string]int64{streamCut: 1, "HTTP status 429": 1}; got.OK != 1 || !reflect.DeepEqual(got.Failed, want) {
		t.Errorf("streams: %+v", got)
	}
	if w.blind <= 0 {
		t.Error("it was never without a stream")
	}
	<-w.first
}

// TestWatcherExpired: what is lost cannot be had by asking again.
func TestWatcherExpired(t *testing.T) {
	w, _ := follow(t, func(w http.ResponseWriter) {
		fmt.Fprint(w, `{"type":"ERROR","object":{"code":410,"message":"too old resource version"}}`)
	})
	if got := w.tally.enter(); got.Failed[expired] != 1 || got.OK != 0 || w.over() {
		t.Errorf("streams: %+v", got)
	}
}
