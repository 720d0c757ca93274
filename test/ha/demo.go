package ha

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/demo"
)

const (
	// defaultDuration is long, since on a busy machine a server may live for a minute.
	defaultDuration = 5 * time.Minute

	// hostileClients are two for each server.
	hostileClients = 2 * servers

	// patchedLeast is how long the patched servers are under load anyhow.
	patchedLeast = time.Minute

	// calm is how long ordinary clients have the servers for themselves, before the load and after.
	calm = 5 * time.Second

	progressInterval = 5 * time.Second
)

// DemoConfig says what to compare, and how.
type DemoConfig struct {
	// Unmodified and Patched are the paths of two kube-apiserver binaries, Etcd that of etcd.
	Unmodified, Patched, Etcd string

	// Dir holds the state and the logs of both sides, in a subdirectory each. It is created when missing.
	Dir string

	// Duration bounds the load on the unmodified servers, which ends with the last of them; default 5 min. The patched
	// ones have it for as long as the unmodified had, and for a minute, or Duration when that is less, anyhow.
	Duration time.Duration

	// Progress receives a line per step and one every five seconds of load; it must not be nil.
	Progress io.Writer
}

// Demo puts three unmodified servers under load until all have died or Config.Duration has passed, and then three
// patched ones. What became of them is in the report, whatever it was; DemoReport.Verdict judges it. An error means
// that the comparison could not be made. When Demo returns, nothing of it is left running.
func Demo(ctx context.Context, c DemoConfig) (r DemoReport, err error) {
	if c.Duration <= 0 {
		c.Duration = defaultDuration
	}
	if r.Unmodified, err = c.side(ctx, "unmodified", c.Unmodified, c.Duration); err != nil {
		return r, fmt.Errorf("unmodified: %w", err)
	}
	had := time.Duration(r.Unmodified.LoadSeconds() * float64(time.Second))
	if r.Patched, err = c.side(ctx, "patched", c.Patched, max(min(patchedLeast, c.Duration), had)); err != nil {
		err = fmt.Errorf("patched: %w", err)
	}
	return r, err
}

// side is the whole life of three servers.
func (c DemoConfig) side(ctx context.Context, name, binary string, duration time.Duration) (side Side, err error) {
	say := func(format string, args ...any) { fmt.Fprintf(c.Progress, name+": "+format+"\n", args...) }
	side = Side{Name: name}
	tokens := demo.NewTokens()
	cl, token, err := start(ctx, cluster.Config{
		KubeAPIServer: binary, Etcd: c.Etcd, Dir: filepath.Join(c.Dir, name), Tokens: tokens.Users(), Progress: c.Progress,
	})
	if err != nil {
		return side, err
	}
	defer end(cl, c.Progress)
	defer func() { err = evidence(cl, err) }()
	if side.Version, err = cl.Version(ctx); err != nil {
		return side, err
	}
	if err := demo.SetUp(ctx, cl); err != nil {
		return side, err
	}
	traffic, err := startTraffic(ctx, cl, token, 0)
	if err != nil {
		return side, err
	}
	defer traffic.abandon()
	begun := traffic.requests.begun
	since := func() float64 { return time.Since(begun).Seconds() }

	say("version %s; %d ordinary clients and %d watches alone, for %.0f s", side.Version, workers+1, watches, calm.Seconds())
	sampler := startSampler(ctx, cl, begun)
	defer sampler.stop()
	if err := pause(ctx, calm); err != nil {
		return side, err
	}
	side.Before = traffic.requests.enter()
	traffic.streams.enter()

	say("%d hostile clients beside them, for at most %.0f s", hostileClients, duration.Seconds())
	side.LoadBegins = since()
	deaths := followDeaths(ctx, cl, since, say)
	stopSaying := every(ctx, progressInterval, func() {
		say("%3.0f s: %s", since()-side.LoadBegins, states(cl))
	})
	side.Hostile, err = demo.Attack(ctx, cl, tokens, hostileClients, duration)
	stopSaying()
	if err != nil {
		return side, err
	}
	side.LoadEnds = since()
	// One that has died of the last request is seen to have, and the others get some calm.
	if err := pause(ctx, calm); err != nil {
		return side, err
	}
	side.Deaths = deaths()
	side.During, side.Streams = traffic.requests.enter(), traffic.streams.enter()
	side.AnsweredEachSecond = traffic.requests.perSecond()
	side.Refused = cl.Balancer().Refused()
	sampler.stop()
	side.Samples = sampler.samples

	// What has died is started again, as its supervisor would, so that watches can say what they have missed.
	for i, s := range cl.Servers() {
		if s.ExitError() == nil {
			continue
		}
		if err := s.Start(ctx, binary); err != nil {
			return side, err
		}
		if err := cl.Balancer().Await(ctx, i, true); err != nil {
			return side, err
		}
	}
	say("%d of %d servers died; waiting for the watches to have seen the last event", len(side.Deaths), servers)
	side.Watched, err = traffic.finish(ctx)
	return side, err
}

// followDeaths watches for the ends of servers. What it returns ends that, and is those that ended, in their order.
func followDeaths(ctx context.Context, cl *cluster.Cluster, since func() float64, say func(string, ...any)) func() []Death {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	all := []Death{}
	var wg sync.WaitGroup
	for i, s := range cl.Servers() {
		wg.Go(func() {
			select {
			case <-s.Exited():
			case <-ctx.Done():
				return
			}
			d := Death{Server: i + 1, At: since(), Cause: s.Crash().Line, Log: s.Log()}
			if d.Cause == "" {
				d.Cause, _, _ = strings.Cut(s.ExitError().Error(), "\n")
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, d)
			say("%s died: %s", s.Name(), d.Cause)
		})
	}
	return func() []Death {
		cancel()
		wg.Wait()
		slices.SortFunc(all, func(a, b Death) int { return int(1e6 * (a.At - b.At)) })
		return all
	}
}

// every calls f again and again, until the returned function is called.
func every(ctx context.Context, interval time.Duration, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for pause(ctx, interval) == nil {
			f()
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// states is a progress line.
func states(cl *cluster.Cluster) string {
	var all []string
	for i, state := range cl.Balancer().States() {
		s := fmt.Sprintf("%d connections", state.Open)
		if cl.Servers()[i].ExitError() != nil {
			s = "dead"
		}
		all = append(all, cl.Servers()[i].Name()+": "+s)
	}
	return strings.Join(all, ", ")
}
