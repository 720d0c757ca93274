package demo

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestSteering: from wherever it starts, and after the server has become slower or faster, the timeout
// comes to the time that a request takes and then straddles it.
func TestSteering(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, start := range []time.Duration{minTimeout, 2 * time.Millisecond, maxTimeout} {
		s := steering{at: start, rng: rng}
		for _, took := range []time.Duration{3 * time.Millisecond, 12 * time.Millisecond, time.Millisecond} {
			var n [outcomes]int
			for i := range 600 {
				o := answered
				if s.next() < took {
					o = timedOut
				}
				s.observe(o)
				if i >= 300 {
					n[o]++
				}
			}
			if n[answered] < 100 || n[timedOut] < 100 {
				t.Errorf("from %v, for a request that takes %v: at %v, answered %d, timed out %d of the last 300",
					start, took, s.at, n[answered], n[timedOut])
			}
		}
	}
}

func TestSteeringStaysInBounds(t *testing.T) {
	s := steering{at: time.Millisecond, rng: rand.New(rand.NewPCG(1, 2))}
	for _, o := range []outcome{answered, timedOut} {
		for range 1000 {
			s.observe(o)
			if s.at < minTimeout || s.at > maxTimeout {
				t.Fatalf("at %v", s.at)
			}
		}
	}
	// What says nothing about the timeout moves nothing.
	at := s.at
	for _, o := range []outcome{unreachable, silent, other, short} {
		if s.observe(o); s.at != at {
			t.Errorf("outcome %d moved it", o)
		}
	}
}
