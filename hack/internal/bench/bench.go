// Package bench runs the benchmarks below test/bench against unmodified upstream and against the fork, in turn
// on one machine, and compares what they have measured.
//
// What is compared is paired by round: the two programs run one after the other, case by case, so that what else
// the machine is doing, its temperature and its clock weigh on both, and the ratio of each round tells more than
// that of two medians.
package bench

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/queue"
)

// Options are what to measure.
type Options struct {
	// Tag is upstream's; empty means the newest pinned one.
	Tag string
	// Level is one of Levels; 0 means all of them.
	Level int
	// Rounds is how often each program runs; 0 means each level's own number.
	Rounds int
	// Servers builds etcd and both kube-apiservers; level 3 needs it.
	Servers func(ctx context.Context) (etcd, upstream, fork string, err error)
}

// Run builds what the levels need and measures one after the other. It adds each to what Dir holds of others,
// and calls done with it, as it is complete. Goals that are missed are no error. It keeps the checkout's lock:
// what else works in the checkout would be measured too.
func Run(ctx context.Context, co *checkout.Checkout, o Options, done func(Level)) error {
	picked, err := pick(o.Level)
	if err != nil {
		return err
	}
	if o.Rounds < 0 {
		return fmt.Errorf("%d rounds: at least one is needed, such as `make bench ROUNDS=10`", o.Rounds)
	}
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	report, err := load(co)
	if err != nil {
		return err
	}
	halves := make([][2]program, len(picked))
	for i, l := range picked {
		if halves[i], err = programs(ctx, co, l, o); err != nil {
			return err
		}
	}
	tree, err := queue.Describe(ctx, co, o.Tag)
	if err != nil {
		return err
	}
	for i, l := range picked {
		if o.Rounds > 0 {
			l.rounds = o.Rounds
		}
		r, err := measure(ctx, co, l, halves[i], keepRaw(co, l))
		if err != nil {
			return err
		}
		cases, err := compare(l, r)
		if err != nil {
			return err
		}
		setup, err := setupOf(halves[i], r, tree)
		if err != nil {
			return err
		}
		level := Level{Number: l.number, Title: l.title, Setup: setup, Cases: cases}
		report.put(level)
		if err := report.save(co); err != nil {
			return err
		}
		done(level)
	}
	return nil
}

// programs builds what a level needs: upstream's program and the fork's.
func programs(ctx context.Context, co *checkout.Checkout, l level, o Options) (halves [2]program, err error) {
	variants := [2]build.Variant{build.Upstream, build.Fork}
	if l.servers {
		etcd, upstream, fork, err := o.Servers(ctx)
		if err != nil {
			return halves, err
		}
		path, err := build.Bench(ctx, co, o.Tag, build.Upstream, l.pkg)
		if err != nil {
			return halves, err
		}
		for i, first := range variants {
			halves[i] = program{variant: first, path: path, env: []string{
				"BENCH_UPSTREAM=" + upstream,
				"BENCH_FORK=" + fork,
				"BENCH_ETCD=" + etcd,
				"BENCH_FIRST=" + string(first),
				"BENCH_DIR=" + filepath.Join(Dir(co), strconv.Itoa(l.number)),
			}}
		}
		return halves, nil
	}
	for i, variant := range variants {
		path, err := build.Bench(ctx, co, o.Tag, variant, l.pkg)
		if err != nil {
			return halves, err
		}
		halves[i] = program{variant: variant, path: path}
	}
	return halves, nil
}

func setupOf(halves [2]program, r rounds, tree *queue.TreeInfo) (Setup, error) {
	info, err := buildinfo.ReadFile(halves[1].path)
	if err != nil {
		return Setup{}, err
	}
	m := r.fork[0]
	s := Setup{CPU: m.cpu, OS: runtime.GOOS + "/" + runtime.GOARCH, Go: info.GoVersion, Tag: tree.Tag, Tree: tree.Head, Date: time.Now().UTC().Truncate(time.Second), Rounds: len(r.fork)}
	if s.CPU == "" {
		s.CPU = "unknown CPU" // The testing package does not know all of them.
	}
	if tree.Dirty {
		s.Tree += "-dirty"
	}
	s.GOMAXPROCS, err = strconv.Atoi(m.procs)
	return s, err
}
