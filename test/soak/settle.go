package soak

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/test/traffic"
)

const (
	// warmUpTime is what ordinary clients have before a server is taken to be at rest as it should be: what is made once,
	// caches and connections, is there then.
	warmUpTime = 5 * time.Second

	// settles bounds how long a server may take after a phase until nothing of it is left. The longest that it may is what
	// the slowest of an unmodified server's goroutines have, the 34 s of a mutation, and some.
	settles = 45 * time.Second
)

// spare is what may have come to a server that is at rest, and why.
var spare = []struct {
	name string
	of   func(Sample) float64
	most float64
}{
	// The connections of whoever looks, those to etcd, and what a resource that is used for the first time brings.
	{"goroutines", func(s Sample) float64 { return s.Goroutines }, 30},
	// As many of these have a descriptor.
	{"open descriptors", func(s Sample) float64 { return s.Descriptors }, 20},
	// The watch cache keeps the changes of the last 75 s and more, and the ordinary clients make more of them than the warm-up.
	{"MiB of heap", func(s Sample) float64 { return s.HeapMiB }, 64},
	// One may be of whoever writes what is watched; one is of whoever looks.
	{"seats", func(s Sample) float64 { return s.Seats }, 2},
	{"overdue handlers", func(s Sample) float64 { return s.Overdue }, 0},
	{"requests that wait for their audit event", func(s Sample) float64 { return s.Reporting }, 1},
	// A watch of ours that has ended begins again.
	{"long-running requests", func(s Sample) float64 { return s.LongRunning }, 3},
}

// warmUp has ordinary clients work, and notes how the server is when they rest.
func (s *server) warmUp(ctx context.Context) (err error) {
	stop := s.load.Start(ctx, loadClients)
	traffic.Pause(ctx, warmUpTime)
	stop()
	if _, err := s.watch.All(ctx); err != nil {
		return err
	}
	s.clients.CloseIdle()
	s.rest, err = s.lookAfterCollection(ctx)
	return err
}

// held says what there is beyond what there was.
func held(now, before Sample) (what []string) {
	for _, sp := range spare {
		if n := sp.of(now) - sp.of(before); n > sp.most {
			what = append(what, fmt.Sprintf("%.0f more %s than before the first phase (%.0f), of which %.0f may be", n, sp.name, sp.of(before), sp.most))
		}
	}
	return what
}

// settle waits until the server is as it was before the first phase, and returns what it holds beyond that when its time has
// passed. Then its goroutines are in a file.
func (s *server) settle(ctx context.Context) []string {
	begun := time.Now()
	for {
		s.clients.CloseIdle() // What they leave open is nobody's leak.
		now, err := s.lookAfterCollection(ctx)
		what := held(now, s.rest)
		if err != nil {
			what = []string{fmt.Sprintf("it does not say how it is: %v", err)}
		}
		if err == nil {
			s.sampler.add(now)
		}
		if ctx.Err() != nil {
			return nil
		}
		if len(what) == 0 {
			s.mu.Lock()
			s.current.SettledIn = time.Since(begun).Seconds()
			s.mu.Unlock()
			return nil
		}
		if time.Since(begun) > settles {
			return append(what, s.saveProfile(ctx, "goroutine"), s.saveProfile(ctx, "heap"))
		}
		traffic.Pause(ctx, time.Second)
	}
}

// saveProfile writes a profile of the server and returns where it is.
func (s *server) saveProfile(ctx context.Context, name string) string {
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%s.txt", strings.ReplaceAll(s.current.Name, " ", "-"), name))
	profile, err := s.clients.Get(ctx, "/debug/pprof/"+name+"?debug=1")
	if err == nil {
		err = os.WriteFile(path, profile, 0o644)
	}
	if err != nil {
		return fmt.Sprintf("no profile (%s): %v", name, err)
	}
	return fmt.Sprintf("profile (%s): %s", name, path)
}
