package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"fork.internal/apiserver/test/traffic"
)

// spare is what may have come to a server that is at rest: a seat of whoever writes what is watched, and one of whoever
// looks; watches of ours that begin again. The goroutines are for the connections that these use, and for what is made when it
// is used for the first time; the requests of a fault, some dozens, have more.
var spare = map[string]float64{traffic.Seats: 2, traffic.Overdue: 0, traffic.Reporting: 1, traffic.LongRunning: 3, traffic.Goroutines: 30}

// settles bounds how long a server may take after a fault until nothing of it is left: what the slowest of an unmodified
// server's goroutines have, the 34 s of a mutation, and some.
const settles = 45 * time.Second

// measure asks the server for how much it holds.
func (r *run) measure(ctx context.Context) (map[string]float64, error) {
	text, err := r.server.Get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return traffic.Sums(text, append(traffic.AtRest(r.patched()), traffic.LongRunning)...)
}

// held says what there is beyond what there was.
func (r *run) held(now map[string]float64) (what []string) {
	for name, most := range spare {
		if n := now[name] - r.rest[name]; n > most {
			what = append(what, fmt.Sprintf("%v more of %s", n, name))
		}
	}
	slices.Sort(what)
	return what
}

// settled waits until the server holds nothing of the fault any more.
func (r *run) settled(ctx context.Context) {
	for begun := time.Now(); ctx.Err() == nil; traffic.Pause(ctx, 200*time.Millisecond) {
		r.clients.CloseIdle() // What they leave open is nobody's leak.
		now, err := r.measure(ctx)
		what := r.held(now)
		if err == nil && len(what) == 0 {
			return
		}
		if time.Since(begun) > settles {
			r.wrongf("%v after the fault the server still holds %v (%v)", settles, what, err)
			return
		}
	}
}

// recovers waits until the server is ready, and writes and reads, over each protocol.
func (r *run) recovers(ctx context.Context) error {
	within := r.fault.recovers
	if within == 0 {
		within = defaultRecovery
	}
	for begun := time.Now(); ctx.Err() == nil; traffic.Pause(ctx, 100*time.Millisecond) {
		err := r.serves(ctx)
		if err == nil {
			return nil
		}
		if r.server.ExitError() != nil {
			return errors.New("the server has ended")
		}
		if time.Since(begun) > within {
			r.wrongf("the server does not serve again within %v: %v", within, err)
			return nil
		}
	}
	return ctx.Err()
}

func (r *run) serves(ctx context.Context) error {
	if err := r.server.Ready(ctx); err != nil {
		return err
	}
	for _, proto := range traffic.Protocols {
		for _, try := range []struct {
			q    traffic.Request
			want int
		}{
			{traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile), Body: traffic.NewMap(), Timeout: 2 * time.Second}, http.StatusCreated},
			{traffic.Request{Method: "GET", Path: traffic.ConfigMaps(calmly) + "/kept-00", Timeout: 2 * time.Second}, http.StatusOK},
		} {
			if x := r.clients.Send(ctx, proto, try.q); !x.Whole || x.Status != try.want {
				return fmt.Errorf("%v", x)
			}
		}
	}
	return nil
}
