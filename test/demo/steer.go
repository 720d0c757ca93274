package demo

import (
	"math/rand/v2"
	"time"
)

const (
	minTimeout = 50 * time.Microsecond
	maxTimeout = 2 * time.Second

	// step is how much longer or shorter than the last the next timeout is, and jitter how far each strays
	// from that: together they sweep the last part of a request, where warnings are added and the deadline
	// must fall, however the machine's speed varies.
	step   = 0.03
	jitter = 0.12
)

// steering finds the timeout at which a request is as likely answered as not, and stays about it. It
// belongs to one goroutine.
type steering struct {
	at  time.Duration
	rng *rand.Rand
}

// next is the timeout to try.
func (s *steering) next() time.Duration {
	return time.Duration(float64(s.at) * (1 + jitter*(2*s.rng.Float64()-1)))
}

// observe takes the outcome of a request that had the timeout.
func (s *steering) observe(o outcome) {
	switch o {
	case answered:
		s.at = time.Duration(float64(s.at) * (1 - step))
	case timedOut, reset:
		s.at = time.Duration(float64(s.at) * (1 + step))
	}
	s.at = min(max(s.at, minTimeout), maxTimeout)
}
