// Package faults does to a real kube-apiserver, and to what it stands on, what befalls them at worst: a webhook that hangs,
// an audit log that is stuck, a disk that is full, an etcd that is slow, few descriptors, a route that is lost, SIGKILL. Each
// fault has a server of its own, with ordinary clients and watches on it, before, during and after. What a client may expect
// of the server is held against what it saw, and against the audit log. An unmodified server gets the same.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/test/cluster"
)

// Config is a run.
type Config struct {
	// Unmodified and Patched are the paths of the two kube-apiservers, and Etcd of the program that each gets one of.
	Unmodified, Patched, Etcd string
	// Dir holds all that the run writes.
	Dir string
	// ID is the one fault to be tried, or, with a dash at its end, what those begin with; "" is all.
	ID string
	// Progress gets a line a fault and server; nil discards them.
	Progress io.Writer
}

// fault is something that befalls a server. Its functions get a run, which is of that fault on one server.
type fault struct {
	id, what string
	// conf changes what is started; nil is nothing.
	conf func(r *run, c *cluster.Config) error
	// inject brings it about, sees what clients see of it, and ends it. An error means that it could not be brought about, or
	// that nothing was tried by it: errNeeds where the machine lacks something.
	inject func(ctx context.Context, r *run) error
	// others are what ordinary requests may be answered meanwhile, besides what they ought to, since what the fault hits is
	// theirs too. Without any they do not notice.
	others []int
	// silent is whether requests may have no answer meanwhile, or any.
	silent bool
	// cuts is whether watches may end, and begin anew.
	cuts bool
	// restarts is whether the server is started again, and watches have to read anew what they have missed.
	restarts bool
	// kills is whether the server is killed, so that what has no whole answer by then may be missing in the audit log.
	kills bool
	// onlyEnds is whether the audit log has no events of arrivals, for which requests would have to wait too.
	onlyEnds bool
	// unrecorded is whether what is requested meanwhile may be missing in the audit log.
	unrecorded bool
	// unmodifiedFails is whether something is known to be wrong with an unmodified server meanwhile, each time.
	unmodifiedFails bool
	// recovers is how long the server may take until all is well again when the fault has ended; 0 is defaultRecovery.
	recovers time.Duration
}

const (
	defaultRecovery = 15 * time.Second

	// etcdRecovery is longer: clients of etcd wait longer from time to time before they try again.
	etcdRecovery = time.Minute

	// stopTimeout is how long a server may take to end: no request has a longer deadline than ours, and watches have 10 s.
	stopTimeout = 90 * time.Second

	// calm is how long there are only ordinary clients, before a fault and after it.
	calm = 2 * time.Second
)

// faults are all, in order.
var faults = slices.Concat(webhookFaults, auditFaults, etcdFaults, resourceFaults, processFaults)

// errNeeds is why a fault cannot be tried on this machine.
type errNeeds string

// Error says what is needed.
func (e errNeeds) Error() string { return "needs " + string(e) }

// chosen are the faults that are asked for.
func chosen(id string) ([]fault, error) {
	var some []fault
	var ids []string
	for _, f := range faults {
		if id == "" || f.id == id || strings.HasSuffix(id, "-") && strings.HasPrefix(f.id, id) {
			some = append(some, f)
		}
		ids = append(ids, f.id)
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("there is no fault %q; next: take one of %s", id, strings.Join(ids, ", "))
	}
	return some, nil
}

// Check returns an error if there is no such fault as Config.ID says.
func Check(id string) error {
	_, err := chosen(id)
	return err
}

// Run tries the faults on both servers, one after the other, and returns what came of them; one that cannot be tried does not
// keep it from the others. With an error, the report is of those before. When Run returns, nothing is left running, mounted
// or routed.
func Run(ctx context.Context, c Config) (Report, error) {
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	some, err := chosen(c.ID)
	if err != nil {
		return Report{}, err
	}
	var report Report
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return report, err
	}
	release, err := cluster.Lock(c.Dir)
	if err != nil {
		return report, err
	}
	defer release()
	sweep(c.Dir)
	for _, f := range some {
		for _, server := range []struct{ name, program string }{{unmodified, c.Unmodified}, {patched, c.Patched}} {
			r := &run{conf: c, fault: f, program: server.program, dir: filepath.Join(c.Dir, f.id, server.name)}
			r.result = Result{ID: f.id, What: f.what, Server: server.name, mustFail: f.unmodifiedFails && server.name == unmodified}
			err := r.try(ctx)
			var needs errNeeds
			switch {
			case ctx.Err() != nil:
				return report, ctx.Err()
			case errors.As(err, &needs):
				r.result.Skipped = needs.Error()
			case err != nil:
				r.result.Failed = err.Error()
			}
			report.Results = append(report.Results, r.result)
			fmt.Fprintln(c.Progress, r.result)
			for _, wrong := range r.result.Wrong {
				fmt.Fprintf(c.Progress, "    %.500s\n", strings.TrimSpace(wrong))
			}
		}
	}
	return report, nil
}
