package ha

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
)

const (
	// workPause is what a worker does between two requests.
	workPause = 100 * time.Millisecond

	// roundsPerConnection is how long one keeps its connection, some ten seconds: a server that comes back gets its share, and
	// one that ends has some of them till its end.
	roundsPerConnection = 20

	// slowLabel marks what a webhook takes its time over, where there is one.
	slowLabel = "slow"

	// slowTime is how long that webhook takes: requests of that length are under way when a server is told to stop.
	slowTime = 500 * time.Millisecond
)

// lastName is the config map whose creation ends every watch.
const lastName = "zz-the-last"

// traffic is what the ordinary clients of a cluster do: workers that write and read, and watches on what they write.
//
// Its goroutines end within finish, or within abandon, whichever comes first; one of them is always called.
type traffic struct {
	cl       *cluster.Cluster
	token    string
	requests *tally
	streams  *tally
	watchers []*watcher
	from     int64 // the revision that watches begin after

	ctx      context.Context
	cancel   context.CancelFunc
	working  context.Context
	rest     context.CancelFunc // ends the workers' work, not what they have begun
	workers  sync.WaitGroup
	watching sync.WaitGroup
}

// startTraffic returns when workers get through and each watch has its stream. slow is how many workers there are, besides,
// that only create what has the label.
func startTraffic(ctx context.Context, cl *cluster.Cluster, token string, slow int) (_ *traffic, err error) {
	t := &traffic{cl: cl, token: token, requests: newTally(), streams: newTally()}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.working, t.rest = context.WithCancel(t.ctx)
	defer func() {
		if err != nil {
			t.abandon()
		}
	}()
	if t.from, err = t.revision(); err != nil {
		return nil, fmt.Errorf("an ordinary client's list: %w", err)
	}
	for range watches {
		c, err := newClient(cl.URL(), cl.CA(), token, false)
		if err != nil {
			return nil, err
		}
		w := &watcher{client: c, tally: t.streams, last: t.from, first: make(chan struct{})}
		t.watchers = append(t.watchers, w)
		t.watching.Go(func() { w.run(t.ctx) })
	}
	for i := range workers + 1 + slow {
		c, err := newClient(cl.URL(), cl.CA(), token, i == workers)
		if err != nil {
			return nil, err
		}
		name, work := fmt.Sprintf("worker-%d", i+1), t.round
		if i > workers {
			work = t.slowly
		}
		t.workers.Go(func() { t.work(c, name, work) })
	}
	ready, cancel := context.WithTimeoutCause(t.ctx, settleTimeout, fmt.Errorf("not within %v", settleTimeout))
	defer cancel()
	for _, w := range t.watchers {
		select {
		case <-w.first:
		case <-ready.Done():
			return nil, fmt.Errorf("an ordinary client's watch got no stream: %w; streams that failed: %s", context.Cause(ready), t.streams.enter().failures())
		}
	}
	return t, t.requests.await(ctx, workers)
}

// revision is that of the ordinary clients' config maps now.
func (t *traffic) revision() (int64, error) {
	c, err := newClient(t.cl.URL(), t.cl.CA(), t.token, false)
	if err != nil {
		return 0, err
	}
	defer c.reconnect()
	body, _, err := c.ask(t.ctx, http.MethodGet, configMaps, "", "")
	if err != nil {
		return 0, err
	}
	var list struct {
		Metadata struct{ ResourceVersion string }
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return 0, err
	}
	return strconv.ParseInt(list.Metadata.ResourceVersion, 10, 64)
}

// work is one worker, until the workers' work ends.
func (t *traffic) work(c *client, name string, round func(c *client, name string)) {
	defer c.reconnect()
	for n := 1; t.working.Err() == nil; n++ {
		round(c, fmt.Sprintf("%s-%d", name, n))
		if n%roundsPerConnection == 0 {
			c.reconnect()
		}
	}
}

// round is the life of one config map. A step that fails ends it: whether it was done nobody knows.
func (t *traffic) round(c *client, name string) {
	path := configMaps + "/" + name
	for _, step := range []struct{ method, path, contentType, body string }{
		{http.MethodPost, configMaps, "application/json", configMap(name, "")},
		{http.MethodGet, path, "", ""},
		{http.MethodPatch, path, "application/merge-patch+json", `{"data":{"a":"b"}}`},
		{http.MethodGet, configMaps + "?limit=20", "", ""},
		{http.MethodDelete, path, "application/json", "{}"},
	} {
		ok := t.ask(c, step.method, step.path, step.contentType, step.body)
		if pause(t.working, workPause) != nil || !ok {
			return
		}
	}
}

// slowly creates a config map with the label.
func (t *traffic) slowly(c *client, name string) {
	if !t.ask(c, http.MethodPost, configMaps, "application/json", configMap(name, slowLabel)) {
		pause(t.working, workPause)
	}
}

// ask sends one request and counts what becomes of it, unless it is us who end it.
func (t *traffic) ask(c *client, method, path, contentType, body string) bool {
	begun := time.Now()
	_, kind, err := c.ask(t.ctx, method, path, contentType, body)
	switch {
	case t.ctx.Err() != nil:
	case err != nil:
		t.requests.failed(kind, err)
	default:
		t.requests.answered(time.Since(begun))
	}
	return err == nil
}

func configMap(name, label string) string {
	labels := ""
	if label != "" {
		labels = fmt.Sprintf(`,"labels":{%q:"yes"}`, label)
	}
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q%s},"data":{"what":"an ordinary client's"}}`, name, labels)
}

// finish has the workers end, creates the last config map, waits until every watch has seen it, for a minute at most,
// and says what the watches saw.
func (t *traffic) finish(ctx context.Context) (Watched, error) {
	defer t.abandon()
	t.rest()
	t.workers.Wait()
	if err := t.cl.Create(ctx, configMaps, json.RawMessage(configMap(lastName, ""))); err != nil {
		return Watched{}, fmt.Errorf("creating the last config map: %w", err)
	}
	// One that has not seen it in time has lost events, which is what is looked for.
	late := time.AfterFunc(settleTimeout, t.cancel)
	defer late.Stop()
	t.watching.Wait()
	if ctx.Err() != nil {
		return Watched{}, context.Cause(ctx)
	}
	want, err := truth(ctx, t.cl, t.from)
	if err != nil {
		return Watched{}, err
	}
	return watched(t.watchers, want), nil
}

// abandon ends all at once, and returns when it has ended.
func (t *traffic) abandon() {
	t.cancel()
	t.rest()
	t.workers.Wait()
	t.watching.Wait()
}
