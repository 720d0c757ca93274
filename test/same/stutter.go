package main

import (
	"context"
	"sync/atomic"
	"time"
)

// Clients and handlers tell what is late from what is not by times of some
// tenths of a second. Where the machine stands still for a part of that, what a
// case shows is the machine's.
const (
	beat     = 10 * time.Millisecond
	standing = 50 * time.Millisecond

	// replays is how often a case is played again for that, at most.
	replays = 3
)

// stutters counts how often this process has stood still.
var stutters atomic.Int64

// watchStutters counts until the context ends.
func watchStutters(ctx context.Context) {
	last := time.Now()
	for ctx.Err() == nil {
		time.Sleep(beat)
		now := time.Now()
		if now.Sub(last) > beat+standing {
			stutters.Add(1)
		}
		last = now
	}
}

// playSteadily plays a case until this process has not stood still meanwhile.
// It reports whether it has, where that matters.
func playSteadily(ctx context.Context, s *scenario, proto string, b *backend) (o observation, unsteady bool, err error) {
	for range 1 + replays {
		before := stutters.Load()
		o, err = newRun(s, proto, b).play(ctx)
		if unsteady = s.timed() && stutters.Load() != before; err != nil || !unsteady {
			break
		}
	}
	return o, unsteady, err
}

// timed reports whether what a scenario shows is a matter of times.
func (s *scenario) timed() bool {
	unread := s.hasBody() && !s.does("readall") // How long it is waited for is bounded.
	return unread || s.Server.Sink != "" || s.Client.Deaf || s.Body.How != atOnce && s.Body.How != tooMuch ||
		s.does("ends", "sleep", "until", "notified", "readdeadline", "writedeadline")
}
