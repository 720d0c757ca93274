// Package sidebyside sends the same requests to an unmodified and to a patched kube-apiserver, each with an etcd of its
// own, and compares what a client sees (status, header, body, trailers, what becomes of the connection) and what the
// server writes down (audit events, HTTP log, metrics). What differs has to be in the table (expected.go), each
// entry with its reason; and what is in the table has to differ.
//
// Both get the steps of each group in order, one at a time, over HTTP/1.1 and then over HTTP/2. What is of one run
// alone (UIDs, resource versions, times, ports, the version) is taken out of both; that this is enough, and not too
// little, shows when the unmodified one is compared with itself: nothing differs.
package sidebyside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"fork.internal/apiserver/test/cluster"
)

// Config says what to compare.
type Config struct {
	// Unmodified and Patched are the paths of two kube-apiserver binaries, Etcd that of the etcd that each gets one
	// of its own of.
	Unmodified, Patched, Etcd string

	// Self says that both are the same binary: then nothing may differ, whatever the table says.
	Self bool

	// Dir holds the state and the logs of both, in a subdirectory each. It is created when missing.
	Dir string

	// Groups are the names of the groups of requests to send; none means all.
	Groups []string

	// Progress receives a line per step; nil discards them. It is used by several goroutines, one at a time.
	Progress io.Writer
}

// Check finds what is wrong with the configuration, binaries aside: those may not have been built yet.
func (c Config) Check() error {
	if c.Dir == "" {
		return errors.New("sidebyside.Config.Dir is empty: name a directory for the state and the logs")
	}
	_, err := choose(allGroups(), c.Groups)
	return err
}

// Run starts both servers, sends them the requests and stops them. What they did is in the Report, whatever it was;
// Report.Verdict judges it. An error means that they could not be compared. When Run returns, both are gone.
func Run(ctx context.Context, c Config) (Report, error) {
	if err := c.Check(); err != nil {
		return Report{}, err
	}
	groups, err := choose(allGroups(), c.Groups)
	if err != nil {
		return Report{}, err
	}
	progress := cluster.Shared(c.Progress)
	first, second, table := "unmodified", "patched", expected
	if c.Self {
		first, second, table = "first", "second", nil
	}
	// Side by side in time too: most of it goes into waiting.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var servers [2]*server
	var seen [2][]observation
	for i, b := range []struct{ name, binary string }{{first, c.Unmodified}, {second, c.Patched}} {
		wg.Go(func() {
			s, err := startServer(ctx, b.name, b.binary, c.Etcd, c.Dir, progress)
			if err == nil {
				servers[i] = s
				seen[i], err = s.run(ctx, groups)
				err = errors.Join(err, s.stop(), s.keep(seen[i]))
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return Report{}, err
	}
	return newReport(servers, seen, table), nil
}

// choose keeps the named groups, in their order.
func choose(all []group, wanted []string) ([]group, error) {
	if len(wanted) == 0 {
		return all, nil
	}
	var known []string
	for _, g := range all {
		known = append(known, g.name)
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no group %s of requests; next: one of %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(g group) bool { return !slices.Contains(wanted, g.name) }), nil
}
