// Package alive has long work say that it goes on.
package alive

import (
	"fmt"
	"io"
	"time"
)

// Watch writes a line with title, the time that has passed and what say returns to w, every so
// often, until stop is called. Nothing is written after stop has returned.
func Watch(w io.Writer, every time.Duration, title string, say func() string) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		start, tick := time.Now(), time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				fmt.Fprintf(w, "  %s: %s, %s\n", title, time.Since(start).Round(time.Second), say())
			}
		}
	}()
	return func() { close(done); <-gone }
}
