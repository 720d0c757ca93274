package traffic

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Watches are a writer, and those who watch what it writes, whatever befalls the server. Each sees each write that has succeeded
// once, in order; where a watch ends, it goes on from what it has seen.
type Watches struct {
	c       *Clients
	path    string // of the collection
	relists bool
	cancel  context.CancelFunc
	done    sync.WaitGroup // the watches
	writer  sync.WaitGroup
	over    atomic.Bool  // the server is about to end
	begun   atomic.Int64 // how many have, and how many of them are open
	open    atomic.Int64

	mu      sync.Mutex
	stopped bool
	written []int64            // the resource versions of the writes that have succeeded
	failed  error              // why the last of the others has not
	seen    map[string][]int64 // by watch
	skipped map[string][]span  // by watch, what has expired before it was seen
}

const (
	// interval is how often something is written.
	interval = 50 * time.Millisecond

	// perProtocol is how many watch over each protocol.
	perProtocol = 3

	// lasts is what a watch asks for, in seconds, so that none ends by itself: without, a server chooses from half an hour on.
	lasts = 24 * 60 * 60

	// arrives bounds how long after the last write a watch may take to have it.
	arrives = 5 * time.Second
)

// StartWatches starts the writer and, over each protocol, a few who watch. What is written is the object "ticks" of a
// collection of config maps, which has to be there.
func StartWatches(c *Clients, path string) *Watches { return startWatches(c, path, false) }

// StartRelistingWatches is StartWatches for a server that is started again, whose watch cache then begins with what is there:
// a watch that is told that its resource version has expired reads what it watches, and goes on from there. What was written
// between is not lost.
func StartRelistingWatches(c *Clients, path string) *Watches { return startWatches(c, path, true) }

func startWatches(c *Clients, path string, relists bool) *Watches {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watches{c: c, path: path, relists: relists, cancel: cancel, seen: map[string][]int64{}, skipped: map[string][]span{}}
	first, err := w.write(ctx, 0)
	w.failed = err
	for _, proto := range Protocols {
		for i := range perProtocol {
			w.done.Go(func() { w.watch(ctx, proto, fmt.Sprint(proto, " ", i), first) })
		}
	}
	w.writer.Go(func() {
		for n := 1; ctx.Err() == nil && !w.over.Load(); n++ {
			v, err := w.write(ctx, n)
			w.mu.Lock()
			if err == nil {
				w.written = append(w.written, v)
			} else {
				w.failed = err
			}
			w.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(interval):
			}
		}
	})
	return w
}

// span is the resource versions after the one and up to the other.
type span struct{ after, to int64 }

type versioned struct {
	Code     int `json:"code"` // of a Status
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
}

func (v versioned) version() int64 {
	n, err := strconv.ParseInt(v.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// write changes the object that is watched, and returns its resource version.
func (w *Watches) write(ctx context.Context, n int) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, w.c.URL+w.path+"/ticks", strings.NewReader(fmt.Sprintf(`{"data":{"n":"%d"}}`, n)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/merge-patch+json")
	res, err := w.c.HTTP["HTTP/2"].Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var v versioned
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("PATCH %s/ticks: %s", w.path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return 0, fmt.Errorf("PATCH %s/ticks: %w", w.path, err)
	}
	if v.version() == 0 {
		return 0, fmt.Errorf("PATCH %s/ticks: no resource version", w.path)
	}
	return v.version(), nil
}

// watch watches from a version on until the server ends.
func (w *Watches) watch(ctx context.Context, proto, name string, from int64) {
	for ctx.Err() == nil {
		from = w.once(ctx, proto, name, from)
		select {
		case <-ctx.Done():
		case <-time.After(interval): // It begins again at once when it has ended in order.
		}
	}
}

// once is one watch, and returns what it has seen last.
func (w *Watches) once(ctx context.Context, proto, name string, from int64) int64 {
	res := w.get(ctx, proto, fmt.Sprintf("?watch=1&timeoutSeconds=%d&fieldSelector=metadata.name%%3Dticks&resourceVersion=%d", lasts, from))
	if res == nil {
		return from
	}
	defer res.Body.Close()
	w.begun.Add(1)
	w.open.Add(1)
	defer w.open.Add(-1)
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Type   string
			Object versioned
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			w.c.Wrongf("watch %s got %q: %v", name, lines.Bytes(), err)
			return from
		}
		v := event.Object.version()
		if w.relists && event.Type == "ERROR" && event.Object.Code == http.StatusGone {
			return w.relist(ctx, proto, name, from)
		}
		if event.Type != "MODIFIED" || v == 0 {
			if event.Type != "BOOKMARK" {
				w.c.Wrongf("watch %s, from %d on, got %.300s", name, from, lines.Bytes())
			}
			return from
		}
		w.mu.Lock()
		w.seen[name] = append(w.seen[name], v)
		w.mu.Unlock()
		from = v
	}
	return from
}

// get returns the answer, whose body is to be closed, or nil if it is none: a 429 or 503, for one, while the storage is away.
func (w *Watches) get(ctx context.Context, proto, what string) *http.Response {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.c.URL+w.path+what, nil)
	if err != nil {
		return nil
	}
	res, err := w.c.HTTP[proto].Do(req)
	if err != nil {
		return nil
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil
	}
	return res
}

// relist reads what is watched, and returns its resource version, from which the watch goes on.
func (w *Watches) relist(ctx context.Context, proto, name string, from int64) int64 {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	res := w.get(ctx, proto, "/ticks")
	if res == nil {
		return from
	}
	defer res.Body.Close()
	var got versioned
	if json.NewDecoder(res.Body).Decode(&got) != nil || got.version() < from {
		return from
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped[name] = append(w.skipped[name], span{from, got.version()})
	return got.version()
}

// All waits until all watches are open, and returns how many have begun by then: if that is the same later, none has ended
// between.
func (w *Watches) All(ctx context.Context) (begun int64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, fmt.Errorf("%d watches are not open within 10 s", perProtocol*len(Protocols)))
	defer cancel()
	for {
		if w.open.Load() == int64(perProtocol*len(Protocols)) {
			return w.begun.Load(), nil
		}
		select {
		case <-ctx.Done():
			return w.begun.Load(), context.Cause(ctx)
		case <-time.After(interval):
		}
	}
}

// Lasted waits until all watches are open, and says, unless they may end, how many have since All returned that begun.
func (w *Watches) Lasted(ctx context.Context, begun int64, mayEnd bool) error {
	now, err := w.All(ctx)
	if err == nil && now != begun && !mayEnd {
		err = fmt.Errorf("%d watches have ended, and begun anew, of which none was to end", now-begun)
	}
	return err
}

// Ending has the writer write no more, since the server is about to end, and returns when all watches have its last write, or
// have had their time for it.
func (w *Watches) Ending() {
	w.over.Store(true)
	w.writer.Wait()
	for end := time.Now().Add(arrives); !w.haveAll() && time.Now().Before(end); time.Sleep(interval) {
	}
}

// haveAll reports whether all watches have come as far as the last write.
func (w *Watches) haveAll() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.written) == 0 {
		return true
	}
	last, have := w.written[len(w.written)-1], 0
	for name, seen := range w.seen {
		relisted := slices.ContainsFunc(w.skipped[name], func(s span) bool { return s.to >= last })
		if relisted || len(seen) > 0 && seen[len(seen)-1] >= last {
			have++
		}
	}
	return have == perProtocol*len(Protocols)
}

// Stop ends all of it, and says what a watch has not seen, or more than once, or not in order. That nothing was written is an
// error. Calls after the first do nothing.
func (w *Watches) Stop() error {
	w.cancel()
	w.writer.Wait()
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil
	}
	w.stopped = true
	written := w.written
	if len(written) == 0 {
		return fmt.Errorf("nothing was written that is watched: no watch was tried; next: see why the last write failed: %v", w.failed)
	}
	for name, seen := range w.seen {
		lost := slices.DeleteFunc(missing(written, seen), func(v int64) bool {
			return slices.ContainsFunc(w.skipped[name], func(s span) bool { return s.after < v && v <= s.to })
		})
		if len(lost) > 0 {
			w.c.Wrongf("watch %s has not seen %d of %d writes, the first of them with resource version %d", name, len(lost), len(written), lost[0])
		}
		if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			w.c.Wrongf("watch %s has seen events twice, or not in order", name)
		}
	}
	if want := perProtocol * len(Protocols); len(w.seen) != want {
		return fmt.Errorf("%d watches have seen something, want %d", len(w.seen), want)
	}
	return nil
}

// missing are those of want that are not in got.
func missing(want, got []int64) (lost []int64) {
	has := map[int64]bool{}
	for _, v := range got {
		has[v] = true
	}
	for _, v := range want {
		if !has[v] {
			lost = append(lost, v)
		}
	}
	return lost
}
