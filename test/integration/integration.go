// Package integration puts a real kube-apiserver, built with the race detector, and a real etcd through what operators
// fear: the crash triggers, clients that do not read, do not send or go, an etcd that pauses and one that is killed,
// webhooks that hang, policies that warn, a deadline policy that changes, well and badly, and SIGTERM with work in flight,
// with watches through all of it. What comes of each request is held against what a client may expect and, in the end,
// against the audit log.
package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/demo"
	"fork.internal/apiserver/test/traffic"
)

const (
	// defaultDuration is how long the phases take that have a load of their own.
	defaultDuration = 10 * time.Second

	// stopTimeout is how long a server may take to end with requests in flight, of which none has a longer deadline.
	stopTimeout = 90 * time.Second
)

// Config is a run.
type Config struct {
	// KubeAPIServer and Etcd are the paths of the two programs.
	KubeAPIServer, Etcd string
	// Dir holds all that the run writes.
	Dir string
	// Name is what the server is called in what is printed, and a directory below Dir.
	Name string
	// Patched is whether the server has the fork. An unmodified one does not survive the crash triggers, and knows of no
	// deadline policy: it is spared both.
	Patched bool
	// Duration is how long the phases take that have a load of their own; 0 is 10 s.
	Duration time.Duration
	// Progress gets a line a phase; nil discards them.
	Progress io.Writer
}

// Phase is what came of one phase.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// Requests is how many were sent, and Answered how many of them got a whole answer.
	Requests int `json:"requests"`
	Answered int `json:"answered"`
	// TimedOut is how many of the answers were a 504.
	TimedOut int `json:"timedOut"`
	// Wrong is what a client may not expect, the first few of it, and WrongCount all of it.
	Wrong      []string `json:"wrong,omitempty"`
	WrongCount int      `json:"wrongCount"`
}

// Report is what came of a run.
type Report struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Phases  []Phase `json:"phases"`
	// Events is how many audit events were joined with a request by its audit ID.
	Events int `json:"events"`
	// Log is the server's log.
	Log string `json:"log"`
}

// Wrong is how much was wrong in all phases.
func (r Report) Wrong() (n int) {
	for _, p := range r.Phases {
		n += p.WrongCount
	}
	return n
}

// mustFail are the phases of which something is known to be wrong with an unmodified server, each time.
var mustFail = []string{"stalled bodies", theRecords}

// Stood are those of them in which nothing was wrong with the server.
func (r Report) Stood() (names []string) {
	for _, p := range r.Phases {
		if p.WrongCount == 0 && slices.Contains(mustFail, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// phases are what a run is made of, in order. The one in which the server ends is the last.
var phases = []struct {
	name    string
	run     func(ctx context.Context, e *env) error
	patched bool // for a patched server only
	cuts    bool // watches may end, and begin anew
}{
	{"crash triggers", triggers, true, false},
	{"ordinary requests", ordinary, false, false},
	{"slow readers", slowReaders, false, false},
	{"stalled bodies", stalledBodies, false, false},
	{"clients that go", goneClients, false, false},
	{"webhooks that hang", hangingWebhooks, false, false},
	{"policies that warn", warningPolicies, false, false},
	{"policy reloaded", policyReloaded, true, false},
	{"etcd paused", pausedEtcd, false, true},
	{"etcd killed", killedEtcd, false, true},
	{theEnd, terminated, false, false},
}

const (
	// theEnd is the phase in which the server ends, and theRecords comes after it.
	theEnd     = "SIGTERM"
	theRecords = "the records"
)

// Run runs all phases on one server and returns what came of them. An error means that they could not be run. When Run
// returns, nothing is left running.
func Run(ctx context.Context, c Config) (r Report, err error) {
	if c.Duration == 0 {
		c.Duration = defaultDuration
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	r.Name = c.Name
	tokens := demo.NewTokens()
	// What is joined with the clients' account is all of it.
	args := []string{"--audit-log-maxsize=4000", "--profiling=false",
		// Otherwise watches hold up the end for as long as a request may take.
		"--shutdown-watch-termination-grace-period=10s"}
	var file *policyFile
	if c.Patched {
		if file, err = newPolicyFile(filepath.Join(c.Dir, c.Name, "deadline-policy"), first); err != nil {
			return r, fmt.Errorf("%s: %w", c.Name, err)
		}
		args = append(args, "--deadline-policy-file="+file.path)
	}
	cl, err := cluster.Start(ctx, cluster.Config{
		KubeAPIServer: c.KubeAPIServer, Etcd: c.Etcd, Dir: filepath.Join(c.Dir, c.Name),
		Tokens: tokens.Users(), StopTimeout: stopTimeout, AuditPolicy: traffic.AuditPolicy, ExtraArgs: args,
	})
	if err != nil {
		return r, fmt.Errorf("%s: %w", c.Name, err)
	}
	defer func() {
		if stopErr := cl.Stop(context.WithoutCancel(ctx)); err == nil && stopErr != nil && ctx.Err() != nil {
			err = stopErr
		}
	}()
	r.Log = cl.Log()
	if r.Version, err = cl.Version(ctx); err != nil {
		return r, fmt.Errorf("%s: %w", c.Name, err)
	}
	e, err := newEnv(ctx, c, cl, tokens, file)
	if err != nil {
		return r, fmt.Errorf("%s: %w", c.Name, err)
	}
	defer e.close()
	for _, p := range phases {
		if p.patched && !c.Patched {
			continue
		}
		start := time.Now()
		e.begin(p.name)
		fmt.Fprintf(c.Progress, "%s: %s\n", c.Name, p.name)
		watching, err := e.watch.All(ctx)
		if err == nil {
			err = p.run(ctx, e)
		}
		if err != nil {
			return r, fmt.Errorf("%s, %s: %w", c.Name, p.name, errors.Join(err, cl.ExitError()))
		}
		if p.name != theEnd {
			e.settled(ctx)
			if ended := e.watch.Lasted(ctx, watching, p.cuts); ended != nil && ctx.Err() == nil {
				e.wrongf("%v", ended)
			}
		}
		done := e.end(time.Since(start))
		r.Phases = append(r.Phases, done)
		done.say(c)
	}
	e.begin(theRecords)
	start := time.Now()
	if r.Events, err = e.checkRecords(); err != nil {
		return r, err
	}
	done := e.end(time.Since(start))
	r.Phases = append(r.Phases, done)
	done.say(c)
	return r, ctx.Err()
}

// say tells of a phase that is over.
func (p Phase) say(c Config) {
	fmt.Fprintf(c.Progress, "%s: %s: %d requests, %d answered, %d of them 504, %d wrong (%.0f s)\n",
		c.Name, p.Name, p.Requests, p.Answered, p.TimedOut, p.WrongCount, p.Seconds)
	for _, wrong := range p.Wrong {
		fmt.Fprintf(c.Progress, "    %s\n", wrong)
	}
}
