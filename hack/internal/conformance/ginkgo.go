package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/hack/internal/alive"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

const (
	// every is how often a run says how far it is.
	every = 30 * time.Second
	// longest is how long one run may take; ginkgo ends those that take longer, and says where they were.
	longest = 4 * time.Hour
)

// processes is how many specs run at a time. Most of them wait most of the time, for pods and namespaces to come and go.
func processes() int { return max(8, 2*runtime.NumCPU()) }

func (s selection) args(prefix string) []string {
	var args []string
	if s.labels != "" {
		args = append(args, prefix+"label-filter="+s.labels)
	}
	if s.focus != "" {
		args = append(args, prefix+"focus="+s.focus)
	}
	return args
}

// list has the tests say which specs there are, and which of them they would run.
func (p *programs) list(ctx context.Context, co *checkout.Checkout, dir string, s selection) (specs, error) {
	report := filepath.Join(dir, "specs.json")
	args := []string{p.tests, "--ginkgo.dry-run", "--ginkgo.no-color", "--ginkgo.json-report=" + report}
	out, err := proc.Cmd{Args: append(args, s.args("--ginkgo.")...), Dir: dir, Env: environ(co, dir)}.Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("the tests cannot say which there are: %w\n%s", err, proc.LastLines(out, 10))
	}
	return readReport(report)
}

// runner runs specs on one cluster.
type runner struct {
	co         *checkout.Checkout
	programs   *programs
	dir        string // what is written goes below
	name       string // of the cluster, for people and file names
	kubeconfig string
	runs       int
}

// run runs what s chooses, of which there are n. That specs fail is no error; that one is not run is.
func (r *runner) run(ctx context.Context, s selection, n int) (specs, error) {
	r.runs++
	name := fmt.Sprintf("%s-%d", r.name, r.runs)
	report := filepath.Join(r.dir, name+".json")
	log, err := os.Create(filepath.Join(r.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append([]string{r.programs.ginkgo, "--no-color", "--silence-skips", fmt.Sprint("--procs=", min(processes(), n)),
		"--timeout=" + longest.String(), "--output-dir=" + r.dir, "--json-report=" + filepath.Base(report)}, s.args("--")...)
	args = append(args, r.programs.tests, "--", "--kubeconfig="+r.kubeconfig, "--kubectl-path="+r.programs.kubectl,
		"--provider=skeleton", "--disable-log-dump", "--e2e-output-dir="+r.dir)
	title := fmt.Sprintf("%d specs, %s", n, r.name)
	fmt.Fprintf(r.co.Err, "%s: log in %s\n", title, r.co.Rel(log.Name()))
	done := &counter{w: log}
	stop := alive.Watch(r.co.Err, every, title, func() string { return fmt.Sprintf("%d done", done.n.Load()) })
	_, err = proc.Cmd{Args: args, Dir: r.dir, Env: environ(r.co, r.dir), Stdout: done, Stderr: done}.Output(ctx)
	stop()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all, readErr := readReport(report)
	if errors.Is(readErr, os.ErrNotExist) {
		return nil, fmt.Errorf("the tests were not run; see %s: %w", r.co.Rel(log.Name()), err)
	}
	if readErr != nil {
		return nil, fmt.Errorf("%w; see %s", readErr, r.co.Rel(log.Name()))
	}
	ran := all.ran()
	if len(ran) != n {
		return nil, fmt.Errorf("of %d specs %d were run; next: see %s for why", n, len(ran), r.co.Rel(log.Name()))
	}
	return ran, nil
}

// environ has the tests, and kubectl, write nothing outside of dir, and know of no other cluster. ginkgo asks the go command
// which ginkgo the tests have, where there is a go.mod; here it is of something else.
func environ(co *checkout.Checkout, dir string) []string {
	return append(co.Environ(), "HOME="+dir, "KUBECONFIG=", "KUBECACHEDIR="+filepath.Join(dir, "cache"), "GO111MODULE=off")
}

// counter counts what ginkgo prints for each spec that has ended.
type counter struct {
	w    io.Writer
	n    atomic.Int64
	rest []byte // of a mark that is not whole
}

var mark = []byte("•")

func (c *counter) Write(p []byte) (int, error) {
	all := append(c.rest, p...)
	c.n.Add(int64(bytes.Count(all, mark)))
	c.rest = bytes.Clone(all[max(0, len(all)-len(mark)+1):])
	return c.w.Write(p)
}
