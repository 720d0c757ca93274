// Package soak has a real kube-apiserver serve for long: ordinary clients all the time, and beside them, in phases, hostile
// ones of every kind. After each phase the server is to be back where it was before the first. Each answer is looked at, and
// joined with the audit log in the end. An unmodified server gets the same beside it, for as long as it lives.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/demo"
	"fork.internal/apiserver/test/traffic"
)

const (
	// DefaultDuration is how long the phases take together.
	DefaultDuration = 30 * time.Minute

	// leastPhase is what a phase needs to show something: the longest thing that it waits for, and some.
	leastPhase = 10 * time.Second

	// theEnd is what there is after the phases: the server ends, and its records are looked at.
	theEnd = "the end"

	// stopTimeout is how long a server may take to end: it waits for requests, which the clients have ended, and watches.
	stopTimeout = 90 * time.Second
)

// Config is a run.
type Config struct {
	// Unmodified and Patched are the paths of the two kube-apiservers, and Etcd of the program that each gets one of. Without
	// Unmodified there is the patched one alone.
	Unmodified, Patched, Etcd string
	// Dir holds all that the run writes.
	Dir string
	// Duration is how long the phases take together, without the time that the server has after each to come to rest; 0 is
	// DefaultDuration.
	Duration time.Duration
	// Progress gets a line a phase and server; nil discards them.
	Progress io.Writer
}

// Least is the shortest Duration.
func Least() time.Duration { return leastPhase * time.Duration(len(phases)) }

// Run runs both servers, at the same time, and returns what came of them. An error means that they could not be run. When
// Run returns, nothing is left running.
func Run(ctx context.Context, c Config) (Report, error) {
	if c.Duration == 0 {
		c.Duration = DefaultDuration
	}
	if c.Duration < Least() {
		return Report{}, fmt.Errorf("a soak of %v is too short for its %d phases; next: give it %v at least", c.Duration, len(phases), Least())
	}
	out := cluster.Shared(c.Progress)
	r := Report{Duration: c.Duration.Seconds(), Sides: []Side{{Name: "patched", mustHold: true}}}
	programs := []string{c.Patched}
	if c.Unmodified != "" {
		r.Sides = append([]Side{{Name: "unmodified"}}, r.Sides...)
		programs = append([]string{c.Unmodified}, programs...)
	}
	errs := make([]error, len(r.Sides))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range r.Sides {
		wg.Go(func() {
			if errs[i] = runSide(ctx, c, out, programs[i], &r.Sides[i]); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", r.Sides[i].Name, errs[i])
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	return r, errors.Join(errs...)
}

// runSide runs one server through all phases, or until it is dead.
func runSide(ctx context.Context, c Config, out io.Writer, program string, side *Side) (err error) {
	dir := filepath.Join(c.Dir, side.Name)
	tokens := demo.NewTokens()
	args := []string{
		"--audit-log-maxsize=8000", // What is joined with the clients' account is all of it.
		"--shutdown-watch-termination-grace-period=10s",
	}
	if side.mustHold {
		args = append(args, "--watch-write-timeout="+watchWriteTimeout.String())
	}
	cl, err := cluster.Start(ctx, cluster.Config{
		KubeAPIServer: program, Etcd: c.Etcd, Dir: dir, Tokens: tokens.Users(), StopTimeout: stopTimeout, AuditPolicy: traffic.AuditPolicy, ExtraArgs: args,
	})
	if err != nil {
		return err
	}
	stop := func() error { return cl.Stop(context.WithoutCancel(ctx)) }
	defer stop()
	side.Log = cl.Log()
	if side.Version, err = cl.Version(ctx); err != nil {
		return err
	}
	// What is sent to a server that is dead is not counted.
	living, dead := context.WithCancel(ctx)
	defer dead()
	go func() {
		select {
		case <-cl.Exited():
			dead()
		case <-living.Done():
		}
	}()
	s, err := newServer(living, c, cl, tokens, dir, side, out)
	if err != nil {
		return errors.Join(err, cl.ExitError())
	}
	defer s.close()
	for _, p := range phases {
		err := s.phase(living, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cl.ExitError() != nil {
			s.died()
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	s.sampler.stop()
	side.Samples = s.sampler.samples
	s.watch.Ending()
	s.begin(theEnd)
	if side.Died == nil {
		s.terminate(stop)
	}
	if err := s.watch.Stop(); err != nil && side.Died == nil {
		s.lostf("%v", err)
	}
	if err := s.checkRecords(); err != nil {
		return err
	}
	s.end(nil)
	return writeSamples(filepath.Join(dir, "samples.csv"), side.Samples)
}
