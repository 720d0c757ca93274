package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// loadTimeout is what ordinary clients ask for, for each of their requests.
	loadTimeout = 5 * time.Second

	// loadPause is between two requests of one of them.
	loadPause = 50 * time.Millisecond
)

// Faulty are what a server may answer, besides what it ought to, while what it stands on is away.
var Faulty = []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// Load is ordinary clients, each of which makes a config map of its own, reads, changes, lists and deletes it, and looks
// whether everything is as it has left it.
type Load struct {
	c          *Clients
	collection string
	lostf      func(format string, args ...any)
	number     atomic.Int64
}

// NewLoad are clients that work in a collection of config maps. lostf gets what a server had said it had, and did not have;
// it may be called from several goroutines.
func NewLoad(c *Clients, collection string, lostf func(format string, args ...any)) *Load {
	return &Load{c: c, collection: collection, lostf: lostf}
}

// Start starts n clients over each protocol. Every request may have an answer with one of the statuses too, besides the one that
// it ought to have; it has a whole one. stop ends them, and returns when the last answer is there; it may be called more than
// once.
func (l *Load) Start(ctx context.Context, n int, may ...int) (stop func()) {
	stopping := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		Together(n, func(proto string, _ int) {
			w := &worker{load: l, proto: proto, may: may, stopping: stopping}
			for w.goesOn(ctx) {
				w.round(ctx)
			}
		})
	})
	return sync.OnceFunc(func() {
		close(stopping)
		done.Wait()
	})
}

// worker is one of the clients.
type worker struct {
	load     *Load
	proto    string
	may      []int // what its requests may be answered, besides what they ought to
	stopping <-chan struct{}
}

// goesOn waits a little, and reports whether there is to be another request.
func (w *worker) goesOn(ctx context.Context) bool {
	timer := time.NewTimer(loadPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.stopping:
	case <-timer.C:
		return true
	}
	return false
}

// round is one object's life. It is over, and the object left where it is, as soon as nobody can know what became of it.
func (w *worker) round(ctx context.Context) {
	n := w.load.number.Add(1)
	name := fmt.Sprintf("load-%d", n)
	one := w.load.collection + "/" + name
	first, second, third := fmt.Sprint(n, "-created"), fmt.Sprint(n, "-patched"), fmt.Sprint(n, "-replaced")
	object := func(value string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"labels":{"load":%q}},"data":{"v":%q}}`, name, name, value)
	}
	for _, step := range []struct {
		method, path, contentType, body string
		want                            int
		check                           func(x *Exchange)
	}{
		{"POST", w.load.collection, "", object(first), http.StatusCreated, w.has(first)},
		{"GET", one, "", "", http.StatusOK, w.has(first)},
		{"PATCH", one, "application/merge-patch+json", fmt.Sprintf(`{"data":{"v":%q}}`, second), http.StatusOK, w.has(second)},
		{"GET", one, "", "", http.StatusOK, w.has(second)},
		{"PUT", one, "", object(third), http.StatusOK, w.has(third)},
		{"GET", w.load.collection + "?labelSelector=load%3D" + name, "", "", http.StatusOK, w.lists(name, third)},
		{"DELETE", one, "", "", http.StatusOK, nil},
		{"GET", one, "", "", http.StatusNotFound, nil},
	} {
		q := Request{Method: step.method, Path: step.path, ContentType: step.contentType, Timeout: loadTimeout}
		if step.body != "" {
			q.Body = strings.NewReader(step.body)
		}
		x := w.load.c.Send(ctx, w.proto, q)
		switch {
		case x.Left:
			return
		case x.Whole && x.Status == http.StatusNotFound && step.want != http.StatusNotFound:
			w.load.lostf("it was there, and is not: %v", x)
			return
		case slices.Contains(w.may, x.Status):
			w.load.c.Answered(x)
			return
		}
		if w.load.c.Answered(x, step.want); !x.Whole || x.Status != step.want {
			return
		}
		if step.check != nil {
			step.check(x)
		}
		if !w.goesOn(ctx) && step.method != "DELETE" {
			// What is left in the collection would make lists longer.
			if step.want != http.StatusNotFound {
				w.load.c.Send(ctx, w.proto, Request{Method: "DELETE", Path: one, Timeout: loadTimeout})
			}
			return
		}
	}
}

// configMap is what is looked at of one.
type configMap struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// has looks whether the answer is a config map with the value.
func (w *worker) has(value string) func(*Exchange) {
	return func(x *Exchange) {
		var got configMap
		if err := json.Unmarshal(x.Body, &got); err != nil {
			w.load.c.Wrongf("no object: %v: %v: %.300s", x, err, x.Body)
		} else if got.Data["v"] != value {
			w.load.lostf("has %q, and ought to have %q: %v", got.Data["v"], value, x)
		}
	}
}

// lists looks whether the answer is a list of the config map, with the value, and of nothing else.
func (w *worker) lists(name, value string) func(*Exchange) {
	return func(x *Exchange) {
		var got struct {
			Kind  string      `json:"kind"`
			Items []configMap `json:"items"`
		}
		if err := json.Unmarshal(x.Body, &got); err != nil || got.Kind != "ConfigMapList" {
			w.load.c.Wrongf("no list: %v: %v: %.300s", x, err, x.Body)
		} else if len(got.Items) != 1 || got.Items[0].Metadata.Name != name || got.Items[0].Data["v"] != value {
			w.load.lostf("the list ought to have %s with %q, and nothing else: %v: %.300s", name, value, x, x.Body)
		}
	}
}
