package chain

import (
	"net/http"
	"sync"
	"time"
)

// Calls counts the calls of something, under way and ever. The zero value is
// ready for use by any number of goroutines.
type Calls struct {
	mu      sync.Mutex
	count   Count
	changed chan struct{}
}

// Count is what Calls has counted.
type Count struct {
	// Running calls have begun and not ended, Peak is the most there were of
	// them at a time, and Total is how many have begun.
	Running, Peak, Total int
}

// Begin notes the begin of a call. The function that it returns notes its end.
func (c *Calls) Begin() (end func()) {
	c.add(1)
	return func() { c.add(-1) }
}

// Handler notes the calls of handler, also when they end in a panic.
func (c *Calls) Handler(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.Begin()()
		handler.ServeHTTP(w, r)
	})
}

// Count returns the numbers of now.
func (c *Calls) Count() Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Wait returns true as soon as the numbers satisfy until, or false if they
// have not when timeout is over.
func (c *Calls) Wait(timeout time.Duration, until func(Count) bool) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		c.mu.Lock()
		if until(c.count) {
			c.mu.Unlock()
			return true
		}
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			return until(c.Count())
		}
	}
}

func (c *Calls) add(delta int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count.Running += delta
	c.count.Peak = max(c.count.Peak, c.count.Running)
	if delta > 0 {
		c.count.Total += delta
	}
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}
