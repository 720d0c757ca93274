package ha

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Seen is what ordinary clients saw in a phase: of their requests, or of their watches' streams.
type Seen struct {
	// OK are whole 2xx answers, or streams that ended as watches end.
	OK int64 `json:"ok"`

	// Failed has the others by kind, and Examples the first of each.
	Failed   map[string]int64  `json:"failed"`
	Examples map[string]string `json:"examples,omitempty"`

	// LongestGap is the longest time, in seconds, in which no request of any client was answered; not of streams.
	LongestGap float64 `json:"longestGapSeconds,omitempty"`

	// Slowest is the longest time, in seconds, that a request took which was answered.
	Slowest float64 `json:"slowestSeconds,omitempty"`
}

// Failures is their number.
func (s Seen) Failures() (n int64) {
	for _, of := range s.Failed {
		n += of
	}
	return n
}

// failures has the kinds, their numbers and the first of each; "none" without any.
func (s Seen) failures() string {
	var all []string
	for _, kind := range sortedKeys(s.Failed) {
		all = append(all, fmt.Sprintf("%d %s (%s)", s.Failed[kind], kind, s.Examples[kind]))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// tally counts what clients see, by phase. Its methods may be called from several goroutines.
type tally struct {
	begun time.Time

	mu      sync.Mutex
	phase   Seen
	since   time.Time // the last answer, or the phase's beginning
	total   int64     // OK, in all phases
	seconds []int64   // OK, in each second from begun
}

func newTally() *tally {
	t := &tally{begun: time.Now(), since: time.Now()}
	t.enter()
	return t
}

// enter begins a phase and returns what was seen in the one before. A request belongs to the phase that it ends in.
func (t *tally) enter() Seen {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.phase
	t.phase = Seen{Failed: map[string]int64{}, Examples: map[string]string{}}
	if t.total > 0 { // of requests
		last.LongestGap = max(last.LongestGap, time.Since(t.since).Seconds())
	}
	t.since = time.Now()
	return last
}

// answered counts an answer that took so long.
func (t *tally) answered(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.second()
	t.seconds[now]++
	t.phase.OK++
	t.total++
	t.phase.Slowest = max(t.phase.Slowest, took.Seconds())
	t.phase.LongestGap = max(t.phase.LongestGap, time.Since(t.since).Seconds())
	t.since = time.Now()
}

// second has seconds go up to the present one, and is that.
func (t *tally) second() int {
	now := int(time.Since(t.begun) / time.Second)
	for len(t.seconds) <= now {
		t.seconds = append(t.seconds, 0)
	}
	return now
}

// ended counts a stream that has ended as watches end.
func (t *tally) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase.OK++
}

// failed counts what came in place of an answer.
func (t *tally) failed(kind string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase.Failed[kind]++
	if t.phase.Failed[kind] == 1 {
		t.phase.Examples[kind] = err.Error()
	}
}

// perSecond is how many were answered in each second that is over.
func (t *tally) perSecond() []int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.second()
	return slices.Clone(t.seconds[:now])
}

func (t *tally) answers() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// await returns when n more requests have been answered.
func (t *tally) await(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleTimeout, fmt.Errorf("not within %v", settleTimeout))
	defer cancel()
	for until := t.answers() + n; ; {
		missing := until - t.answers()
		if missing <= 0 {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d answers to ordinary clients did not come: %w", missing, n, err)
		}
	}
}
