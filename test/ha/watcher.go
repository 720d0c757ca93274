package ha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// watchLeast and watchMost are between what watches ask to be ended after. Reflectors take five to ten minutes; a run
	// is shorter than that.
	watchLeast = 15 * time.Second
	watchMost  = 30 * time.Second

	// watchRetry keeps a watch that cannot be had from being asked for at once again.
	watchRetry = 50 * time.Millisecond
)

// What ends a watch's stream, besides what fails a request.
const (
	streamCut = "stream cut off"
	expired   = "resource version expired" // what is missed is lost
)

// event is one that a watch got, or ought to get.
type event struct {
	revision int64
	kind     string // ADDED, MODIFIED, DELETED
	name     string
}

func (e event) String() string { return fmt.Sprintf("%s %s at %d", e.kind, e.name, e.revision) }

// watcher keeps one watch going: wherever one stream ends, the next begins at the last resource version that came. It sees
// no list after its first, so what it does not see is lost. It belongs to one goroutine, and to who has waited for that.
type watcher struct {
	client *client
	tally  *tally
	first  chan struct{} // closed when the first stream is there

	last  int64   // resource version
	seen  []event // in the order in which they came
	away  time.Time
	blind time.Duration // the longest time without a stream
	had   bool          // one
}

// run watches until the last config map has been created, what comes next has expired, or ctx ends.
func (w *watcher) run(ctx context.Context) {
	defer w.client.reconnect()
	for ctx.Err() == nil {
		kind, err := w.stream(ctx)
		switch {
		case w.over() || ctx.Err() != nil:
			return
		case err == nil:
			w.tally.ended()
		default:
			w.tally.failed(kind, err)
			if kind == expired {
				return
			}
			pause(ctx, watchRetry)
		}
		// As reflectors do, a connection that has lost a watch is not used for the next.
		w.client.reconnect()
	}
}

func (w *watcher) over() bool {
	return len(w.seen) > 0 && w.seen[len(w.seen)-1].name == lastName
}

// stream is one watch. The error is nil when the server ended it as it ends watches.
func (w *watcher) stream(ctx context.Context) (kind string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Until there is an answer, it is a request as others are.
	impatient := time.AfterFunc(requestTimeout, cancel)
	defer impatient.Stop()
	asked := watchLeast + rand.N(watchMost-watchLeast)
	resp, kind, err := w.client.send(ctx, http.MethodGet, fmt.Sprintf("%s?watch=1&allowWatchBookmarks=true&resourceVersion=%d&timeoutSeconds=%d",
		configMaps, w.last, int(asked.Seconds())), "", "")
	if err != nil {
		return kind, err
	}
	impatient.Stop()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return refusal(resp, body)
	}
	if w.had {
		w.blind = max(w.blind, time.Since(w.away))
	} else {
		w.had = true
		close(w.first)
	}
	defer func() { w.away = time.Now() }()
	for dec := json.NewDecoder(resp.Body); !w.over(); {
		var got watchEvent
		err := dec.Decode(&got)
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err == nil {
			err = w.take(got)
		}
		switch {
		case got.Object.Code == http.StatusGone:
			return expired, err
		case err != nil:
			return streamCut, err
		}
	}
	return "", nil
}

// watchEvent is what is read of one: of an object, and of a Status.
type watchEvent struct {
	Type   string `json:"type"`
	Object struct {
		Metadata struct {
			Name            string `json:"name"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"object"`
}

func (w *watcher) take(got watchEvent) error {
	if got.Type == "ERROR" {
		return fmt.Errorf("an event with error %d: %s", got.Object.Code, got.Object.Message)
	}
	revision, err := strconv.ParseInt(got.Object.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return fmt.Errorf("resource version of %s: %w", got.Object.Metadata.Name, err)
	}
	w.last = revision
	if got.Type != "BOOKMARK" {
		w.seen = append(w.seen, event{revision, got.Type, got.Object.Metadata.Name})
	}
	return nil
}
