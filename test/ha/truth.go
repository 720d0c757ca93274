package ha

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fork.internal/apiserver/test/cluster"
)

// truth is what a watch from a revision on ought to have seen, up to the last config map's creation, by what etcd
// has in its history.
func truth(ctx context.Context, cl *cluster.Cluster, from int64) ([]event, error) {
	history, err := cl.History(ctx, keys, keys+lastName, from+1)
	if err != nil {
		return nil, err
	}
	var all []event
	for _, change := range history {
		e := event{change.ModRevision, "MODIFIED", strings.TrimPrefix(change.Key, keys)}
		switch {
		case change.Deleted:
			e.kind = "DELETED"
		case change.CreateRevision == change.ModRevision:
			e.kind = "ADDED"
		}
		all = append(all, e)
	}
	return all, nil
}

// compare says in what a watch's events differ from those that it ought to have seen; "" when it has seen each once, in
// order.
func compare(want, got []event) string {
	if slices.Equal(want, got) {
		return ""
	}
	missing := map[event]int{}
	for _, e := range want {
		missing[e]++
	}
	for _, e := range got {
		missing[e]--
	}
	var lost, more []event
	for _, e := range want {
		if missing[e] > 0 {
			lost = append(lost, e)
		}
	}
	for _, e := range got {
		if missing[e] < 0 {
			more = append(more, e)
			missing[e]++
		}
	}
	switch {
	case len(lost) > 0:
		return fmt.Sprintf("%d of %d events did not come, the first of them %v", len(lost), len(want), lost[0])
	case len(more) > 0:
		return fmt.Sprintf("%d events came twice, or never were, one of them %v", len(more), more[0])
	}
	return "events came in another order than in etcd's history"
}

// Watched is what watches saw, all together.
type Watched struct {
	Watches int `json:"watches"`
	Events  int `json:"eventsEach"` // that each ought to have seen

	// Wrong is how many did not see each event once, in order, and Example what was wrong with the first.
	Wrong   int    `json:"wrong"`
	Example string `json:"example,omitempty"`

	// Blind is the longest time, in seconds, that one was without a stream.
	Blind float64 `json:"blindSeconds"`
}

// watched compares what each watcher has seen with the truth. All of them have ended.
func watched(watchers []*watcher, want []event) Watched {
	all := Watched{Watches: len(watchers), Events: len(want)}
	for _, w := range watchers {
		all.Blind = max(all.Blind, w.blind.Seconds())
		if wrong := compare(want, w.seen); wrong != "" {
			all.Wrong++
			if all.Example == "" {
				all.Example = wrong
			}
		}
	}
	return all
}

// verdict is nil when every watch saw every event once, in order, and there were some.
func (w Watched) verdict() error {
	switch {
	case w.Events == 0 || w.Watches == 0:
		return fmt.Errorf("%d watches ought to have seen %d events: nothing was shown", w.Watches, w.Events)
	case w.Wrong > 0:
		return fmt.Errorf("%d of %d watches did not see each of %d events once, in order; the first: %s", w.Wrong, w.Watches, w.Events, w.Example)
	}
	return nil
}
