package ha

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"fork.internal/apiserver/test/cluster"
	served "fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

const (
	// shutdownDelay is how long a server that is told to stop serves on, saying that it is not ready: a balancer that
	// asks every half second has known for long then.
	shutdownDelay = 3 * time.Second

	// stopTimeout is beyond the delay and the longest request.
	stopTimeout = 30 * time.Second

	// answersBetween are awaited after a server has come back, before the next is stopped: clients are on all of them
	// again.
	answersBetween = 200

	// slowWorkers' requests are under way whenever a server is told to stop.
	slowWorkers = 3
)

// RollConfig says what to replace by what, and how.
type RollConfig struct {
	// Unmodified and Patched are the paths of two kube-apiserver binaries, Etcd that of etcd.
	Unmodified, Patched, Etcd string

	// Dir holds the state and the logs. It is created when missing.
	Dir string

	// Mark is in the version of the fork, and in no other's; nothing in etcd may have it.
	Mark string

	// Progress receives a line per step; it must not be nil.
	Progress io.Writer
}

// build is what a server is built of.
type build string

const (
	unmodified build = "unmodified"
	patched    build = "patched"
)

// Roll starts three unmodified servers, replaces each in turn by another of the same, then each by the patched one,
// then each by the unmodified one again, with ordinary clients and watches on them all the while. What clients saw and
// what etcd holds is in the report; RollReport.Verdict judges it. An error means that the servers could not be
// replaced. When Roll returns, nothing of it is left running.
func Roll(ctx context.Context, c RollConfig) (report RollReport, err error) {
	cl, token, err := start(ctx, cluster.Config{
		KubeAPIServer: c.Unmodified, Etcd: c.Etcd, Dir: c.Dir, StopTimeout: stopTimeout, Progress: c.Progress,
		ExtraArgs: []string{
			"--shutdown-delay-duration=" + shutdownDelay.String(),
			// Watches end within it; otherwise a server waits for each to end in its own time, for a minute at most.
			"--shutdown-watch-termination-grace-period=5s",
		},
	})
	if err != nil {
		return report, err
	}
	defer end(cl, c.Progress)
	defer func() { err = evidence(cl, err) }()
	hook, err := webhook.Start(ctx, cl, slowLabel, slowTime)
	if err != nil {
		return report, err
	}
	defer hook.Close()
	traffic, err := startTraffic(ctx, cl, token, slowWorkers)
	if err != nil {
		return report, err
	}
	defer traffic.abandon()
	r := &roll{c: c, cl: cl, traffic: traffic, hook: hook}
	if err := traffic.requests.await(ctx, answersBetween); err != nil {
		return report, err
	}

	var dumps []dump
	look := func() error {
		kvs, err := cl.Dump(ctx)
		dumps = append(dumps, newDump(kvs, c.Mark))
		return err
	}
	if err := look(); err != nil {
		return report, err
	}
	traffic.requests.enter()
	traffic.streams.enter()
	for _, phase := range []struct{ from, to build }{{unmodified, unmodified}, {unmodified, patched}, {patched, unmodified}} {
		p, err := r.phase(ctx, phase.from, phase.to)
		if err != nil {
			return report, fmt.Errorf("replacing %s servers by %s ones: %w", phase.from, phase.to, err)
		}
		if err := look(); err != nil {
			return report, err
		}
		p.Etcd = dumps[len(dumps)-1].since(dumps[len(dumps)-2])
		report.Phases = append(report.Phases, p)
	}
	report.Leftover = leftover(dumps[1], dumps[3], report.Phases[0].Etcd)
	report.Watched, err = traffic.finish(ctx)
	return report, err
}

// roll replaces servers.
type roll struct {
	c       RollConfig
	cl      *cluster.Cluster
	traffic *traffic
	hook    *webhook.Webhook
}

// phase replaces each server in turn.
func (r *roll) phase(ctx context.Context, from, to build) (p Phase, err error) {
	p = Phase{Name: fmt.Sprintf("%s to %s", from, to)}
	begun, asked := time.Now(), r.hook.Asked()
	for i := range r.cl.Servers() {
		step, err := r.replace(ctx, i, from, to)
		if err != nil {
			return p, err
		}
		p.Replaced = append(p.Replaced, step)
		if err := r.traffic.requests.await(ctx, answersBetween); err != nil {
			return p, err
		}
	}
	p.Seconds = time.Since(begun).Seconds()
	p.Requests, p.Streams = r.traffic.requests.enter(), r.traffic.streams.enter()
	p.SlowRequests = r.hook.Asked() - asked
	return p, nil
}

// replace ends a server as its supervisor does, and starts another binary in its place.
func (r *roll) replace(ctx context.Context, i int, from, to build) (step Replaced, err error) {
	binary := r.c.Unmodified
	if to == patched {
		binary = r.c.Patched
	}
	server, balancer := r.cl.Servers()[i], r.cl.Balancer()
	step = Replaced{Connections: balancer.States()[i].Open}
	begun := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(ctx) }()
	noticing, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	err = balancer.Await(noticing, i, false)
	step.OutAfter = time.Since(begun).Seconds()
	if err = errors.Join(err, <-stopped); err != nil {
		return step, err
	}
	step.GoneAfter = time.Since(begun).Seconds()
	if from == patched { // What becomes of the others is upstream's.
		if step.Panics, err = served.Panics(server.Log()); err != nil {
			return step, err
		}
	}
	if err := server.Start(ctx, binary); err != nil {
		return step, err
	}
	if err := balancer.Await(ctx, i, true); err != nil {
		return step, err
	}
	step.BackAfter = time.Since(begun).Seconds()
	if step.Version, err = server.Version(ctx); err != nil {
		return step, err
	}
	if strings.Contains(step.Version, r.c.Mark) != (to == patched) {
		return step, fmt.Errorf("%s says that it is %s after it was replaced by the %s build: one of the binaries is not the one it should be",
			server.Name(), step.Version, to)
	}
	fmt.Fprintf(r.c.Progress, "%s is %s: not ready after %.1f s, gone after %.1f s, ready again after %.1f s\n", server.Name(), step.Version,
		step.OutAfter, step.GoneAfter, step.BackAfter)
	return step, nil
}
