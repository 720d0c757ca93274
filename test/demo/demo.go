// Package demo is the evidence for one defect: warnings that are added to a response while its deadline
// passes kill an unmodified kube-apiserver ("fatal error: concurrent map writes", defect D1). It gives an
// unmodified and a patched one the same load and reports what became of each.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/test/cluster"
)

const (
	defaultDuration = 2 * time.Minute
	defaultClients  = 4

	// The patched server is under load for patchedFactor times as long as the unmodified one lived, and for
	// patchedLeast (or Config.Duration, when that is less) anyhow.
	patchedFactor = 3
	patchedLeast  = time.Minute

	// Answers after the load are awaited this long, then the server counts as not ready.
	afterTimeout = 15 * time.Second

	progressInterval = 5 * time.Second
)

// Config says what to compare, and how.
type Config struct {
	// Unmodified and Patched are the paths of two kube-apiserver binaries, Etcd that of the etcd that each
	// gets one of its own of.
	Unmodified, Patched, Etcd string

	// Dir holds the state and the logs of both, in a subdirectory each. It is created when missing.
	Dir string

	// Duration bounds the load on the unmodified server; default 2 min, since on a busy machine it may live
	// for most of a minute. The patched one has the load for three times as long as the other lived, and
	// for a minute (or Duration, when that is less) anyhow: three times Duration at most.
	Duration time.Duration

	// Clients is how many send at a time; default 4.
	Clients int

	// ExtraArgs are given to both servers.
	ExtraArgs []string

	// Progress receives a line per step and one every five seconds of load; nil discards them.
	Progress io.Writer
}

// Run starts the unmodified server, puts it under load until it dies or Config.Duration has passed, stops
// it, and does the same with the patched one. What the servers did is in the Report, whatever it was;
// Report.Verdict judges it. An error means that the comparison could not be made: a server did not start,
// or does not send the warnings that the load lives on. When Run returns, both servers are gone.
func Run(ctx context.Context, c Config) (Report, error) {
	if c.Duration <= 0 {
		c.Duration = defaultDuration
	}
	if c.Clients <= 0 {
		c.Clients = defaultClients
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if c.Dir == "" {
		return Report{}, errors.New("demo.Config.Dir is empty: name a directory for the state and the logs")
	}

	report := Report{Clients: c.Clients}
	var err error
	if report.Unmodified, err = c.run(ctx, "unmodified", c.Unmodified, c.Duration); err != nil {
		return report, err
	}
	duration := min(patchedLeast, c.Duration)
	if u := report.Unmodified; u.Died {
		duration = max(duration, patchedFactor*seconds(u.SecondsToDeath))
	}
	report.Patched, err = c.run(ctx, "patched", c.Patched, duration)
	return report, err
}

// run is the whole life of one target.
func (c Config) run(ctx context.Context, name, binary string, duration time.Duration) (t Target, err error) {
	say := func(format string, args ...any) { fmt.Fprintf(c.Progress, name+": "+format+"\n", args...) }
	t = Target{Name: name}
	tokens := NewTokens()

	say("starting etcd and kube-apiserver")
	cl, err := cluster.Start(ctx, cluster.Config{
		KubeAPIServer: binary,
		Etcd:          c.Etcd,
		Dir:           filepath.Join(c.Dir, name),
		Tokens:        tokens.Users(),
		ExtraArgs:     c.ExtraArgs,
	})
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		stopErr := cl.Stop(context.WithoutCancel(ctx))
		if stopErr == nil || t.Died {
			return
		}
		say("%v", stopErr)
		// That a server takes long to stop is no part of the evidence, and its log has it; that it crashes then is.
		if crash := cl.Crash(); crash.Line != "" {
			t.ReadyAfter, t.AfterError = false, "it died when it was told to end: "+crash.Line
		}
	}()
	t.Log = cl.Log()
	if t.Version, err = cl.Version(ctx); err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	if err := SetUp(ctx, cl); err != nil {
		return t, fmt.Errorf("%s: preparing namespace %s: %w", name, namespace, err)
	}
	load, err := newLoad(ctx, cl, tokens.Kinds(), c.Clients)
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	defer load.close()
	t.WarningsPerPod, t.WarningsPerPatch = load.warnings[0], load.warnings[1]

	say("version %s, %d clients for at most %.0f s; a pod is answered with %d warnings, a patch with %d",
		t.Version, c.Clients, duration.Seconds(), t.WarningsPerPod, t.WarningsPerPatch)
	took := load.run(ctx, cl.Exited(), duration, func(elapsed time.Duration) {
		say("%3.0f s: %s", elapsed.Seconds(), load.status())
	})
	if ctx.Err() != nil {
		return t, fmt.Errorf("%s: interrupted after %.1f s of load: %w", name, took.Seconds(), context.Cause(ctx))
	}
	t.LoadSeconds = took.Seconds()
	t.Requests = load.counts.snapshot()
	t.OtherExample = load.counts.example()

	// First, because it gives a server that is about to die the time to have died.
	t.AfterError = load.after(ctx, cl)
	if exit := cl.ExitError(); exit != nil {
		t.AfterError = ""
		t.Died, t.SecondsToDeath, t.Crash = true, took.Seconds(), cl.Crash()
		t.Exit = exit.Error()
		if t.Crash.Line != "" {
			t.Exit, _, _ = strings.Cut(t.Exit, "\n") // the rest is in Crash
		}
		say("died after %.1f s: %s", t.SecondsToDeath, t.cause())
		return t, nil
	}
	t.ReadyAfter = t.AfterError == ""
	say("alive after %.1f s of load, %d requests", t.LoadSeconds, t.Requests.Sent)
	return t, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
