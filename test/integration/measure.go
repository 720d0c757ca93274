package integration

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fork.internal/apiserver/test/traffic"
)

// measure asks the server for how much it holds.
func (e *env) measure(ctx context.Context) (map[string]float64, error) {
	data, err := e.Get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return traffic.Sums(data, traffic.AtRest(e.conf.Patched)...)
}

const (
	// settles bounds how long a server may take after a phase until nothing of it is left.
	settles = 30 * time.Second

	// spare is how many goroutines may have come that are nobody's request: the connections of whoever looks and writes,
	// caches of what was asked for the first time. A phase has some dozens of requests at once.
	spare = 30
)

// settled waits until the server holds nothing of the phase any more: no seat, no overdue handler, no goroutine.
func (e *env) settled(ctx context.Context) {
	deadline := time.Now().Add(settles)
	for {
		e.CloseIdle() // What they leave open is nobody's leak.
		now, err := e.measure(ctx)
		held := held(now, e.baseline)
		if err == nil && len(held) == 0 {
			return
		}
		if ctx.Err() != nil {
			return
		}
		if time.Now().After(deadline) {
			e.wrongf("%v after the phase the server still holds %v (%v)", settles, held, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// held says what there is beyond what there was. The writer of the watches may have a request under way.
func held(now, before map[string]float64) []string {
	var what []string
	for name, least := range map[string]float64{traffic.Seats: 1, traffic.Overdue: 0, traffic.Reporting: 0, traffic.Goroutines: spare} {
		if n := now[name] - before[name]; n > least {
			what = append(what, fmt.Sprintf("%v more of %s", n, name))
		}
	}
	slices.Sort(what)
	return what
}
