// Package e2e builds the end-to-end tests and runs them, against a cluster that it starts for them or somebody's.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proc"
	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/e2e/report"
	"fork.internal/apiserver/test/e2e/rhythm"
	"fork.internal/apiserver/test/traffic"
)

// What a cluster of the suite's own allows is less than usual, so that what is longer is soon over.
const (
	requestTimeout = 20 * time.Second
	stalledTimeout = 5 * time.Second

	// watchWriteTimeout is that of one in which streams are used that last.
	watchWriteTimeout = 10 * time.Second
)

// Options say what is run, against what.
type Options struct {
	// Tag and Unmodified say which kube-apiserver is started; an empty Tag means the newest pinned one.
	Tag        string
	Unmodified bool
	// Kubeconfig, when set, names a cluster to run against in place of one that is started.
	Kubeconfig string
	// Expect is what that cluster's server has to be, report.Forked or report.Unmodified; empty takes it as it is, or as the
	// environment says.
	Expect string
	// Image, which that cluster's pods can have, the path of its AuditLog, where it reaches a SampleAPIServer, and the URL of
	// its Server with no proxy in between are what the suite cannot find out by itself; what is empty the environment may
	// say (test/e2e/README.md).
	Image, AuditLog, SampleAPIServer, Server string
	// Tests are the names of those to run; none means all.
	Tests []string
	// Streams is for how long streams are used that last; 0 leaves that out. WatchWriteTimeout is the
	// --watch-write-timeout of a cluster that is there; what is 0 the environment may say.
	Streams, WatchWriteTimeout time.Duration
}

// CheckStreams fails for a time in which streams cannot be silent for longer than a request may take; 0 is none.
func CheckStreams(streams, requestTimeout time.Duration) error {
	if least := rhythm.For(requestTimeout).Least(); streams != 0 && streams < least {
		return fmt.Errorf("STREAMS=%v is too short for a silence that is longer than the %v that a request may take; next: STREAMS=%v or more", streams, requestTimeout, least)
	}
	return nil
}

// Check fails for options that contradict each other, or name what is not there.
func (o Options) Check() error {
	if o.Kubeconfig == "" {
		return CheckStreams(o.Streams, requestTimeout)
	}
	if o.Streams < 0 {
		return fmt.Errorf("STREAMS=%v is no time; next: one such as STREAMS=10m", o.Streams)
	}
	if o.Tag != "" || o.Unmodified {
		return fmt.Errorf("KUBECONFIG=%s names a cluster that is there, and TAG= and UNMODIFIED= say which one to start; next: leave out either", o.Kubeconfig)
	}
	if info, err := os.Stat(o.Kubeconfig); err != nil {
		return fmt.Errorf("KUBECONFIG=%s: %w; next: the path of one kubeconfig, or no KUBECONFIG= to have a cluster started", o.Kubeconfig, err)
	} else if info.IsDir() {
		return fmt.Errorf("KUBECONFIG=%s is a directory; next: the path of one kubeconfig", o.Kubeconfig)
	}
	return nil
}

// Run runs the tests; they say on the checkout's Err how they go. The error says that some failed, or that they could not
// be run; there is a report if they were.
func Run(ctx context.Context, co *checkout.Checkout, o Options) (*report.Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Kubeconfig == "" {
		if _, _, err := pins.Find(co.Pins(), o.Tag); err != nil {
			return nil, err
		}
	}
	dir := filepath.Join(co.Output(), "e2e")
	// Several may run at the same time, against clusters of their own.
	own, remove, err := checkout.Scratch(dir, "run-")
	if err != nil {
		return nil, err
	}
	defer remove()
	program, err := testProgram(ctx, co, own)
	if err != nil {
		return nil, err
	}
	env := map[string]string{"E2E_TESTS": strings.Join(o.Tests, ","), "E2E_REPORT": filepath.Join(own, reportFile)}
	for name, value := range map[string]time.Duration{"E2E_STREAMS": o.Streams, "E2E_WATCH_WRITE_TIMEOUT": o.WatchWriteTimeout} {
		if value != 0 {
			env[name] = value.String()
		}
	}
	// It knows its tests; a name that is none is to be told before a server is built.
	if err := ask(ctx, co, program, env, o.Tests); err != nil {
		return nil, err
	}
	if o.Kubeconfig != "" {
		if env["E2E_KUBECONFIG"], err = filepath.Abs(o.Kubeconfig); err != nil {
			return nil, err
		}
		for name, value := range map[string]string{"E2E_EXPECT": o.Expect, "E2E_IMAGE": o.Image, "E2E_AUDIT_LOG": o.AuditLog, "E2E_SAMPLE_APISERVER": o.SampleAPIServer, "E2E_SERVER": o.Server} {
			if value != "" {
				env[name] = value
			}
		}
		return runTests(ctx, co, program, env)
	}
	cl, err := startCluster(ctx, co, o, filepath.Join(dir, "cluster"), env)
	if err != nil {
		return nil, err
	}
	r, err := runTests(ctx, co, program, env)
	err = errors.Join(err, cl.Stop(context.WithoutCancel(ctx)))
	if o.Unmodified {
		return r, err // What its log has is upstream's.
	}
	panics, logErr := traffic.Panics(cl.Log())
	for _, found := range panics {
		err = errors.Join(err, fmt.Errorf("%s; next: see what is around it", found))
	}
	return r, errors.Join(err, logErr)
}

// reportFile is the name of a run's report: in its own directory, and below _output/e2e when it is over.
const reportFile = "report.json"

// testProgram builds the tests, with the libraries of the checkout's own go.mod, whatever the server's release, and with
// the race detector: a race in a test is as likely to be seen here as anywhere. They are in dir then, where no other run
// builds them anew.
func testProgram(ctx context.Context, co *checkout.Checkout, dir string) (string, error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	bin := filepath.Join(co.Output(), "bin", "e2e.test")
	log, stop := build.Watch(co.Err, "the end-to-end tests")
	_, err = gotool.Run(ctx, co, co.Root, log, "test", "-race", "-c", "-o", bin, "./test/e2e")
	stop()
	if err != nil {
		return "", fmt.Errorf("cannot build the end-to-end tests: %w\n%s", err, log.Kept())
	}
	return checkout.Keep(dir, bin, "e2e.test")
}

// ask has the program say whether it has all those tests.
func ask(ctx context.Context, co *checkout.Checkout, program string, env map[string]string, tests []string) error {
	if len(tests) == 0 {
		return nil
	}
	_, err := proc.Cmd{Args: []string{program}, Env: append(co.Environ(), "E2E_KUBECONFIG=", "E2E_REPORT=", "E2E_TESTS="+env["E2E_TESTS"])}.Output(ctx)
	if said := strings.TrimSpace(proc.Stderr(err)); said != "" {
		return errors.New(strings.TrimPrefix(said, "e2e: "))
	}
	return err
}

// startCluster starts one for the tests, with an extension API server beside it, and says in env what they need to know.
func startCluster(ctx context.Context, co *checkout.Checkout, o Options, dir string, env map[string]string) (*cluster.Cluster, error) {
	variant, expect := build.Fork, report.Forked
	args := []string{"--request-timeout=" + requestTimeout.String(), "--audit-log-maxsize=1000"}
	if o.Unmodified {
		variant, expect = build.Upstream, report.Unmodified
	} else {
		args = append(args, "--stalled-connection-timeout="+stalledTimeout.String())
		if o.Streams > 0 {
			args = append(args, "--watch-write-timeout="+watchWriteTimeout.String())
			env["E2E_WATCH_WRITE_TIMEOUT"] = watchWriteTimeout.String()
		}
	}
	etcd, err := build.Etcd(ctx, co)
	if err != nil {
		return nil, err
	}
	apiserver, err := build.KubeAPIServer(ctx, co, o.Tag, variant)
	if err != nil {
		return nil, err
	}
	sample, err := build.SampleAPIServer(ctx, co, o.Tag, variant, "")
	if err != nil {
		return nil, err
	}
	cl, err := cluster.Start(ctx, cluster.Config{
		KubeAPIServer: apiserver, Etcd: etcd, Dir: dir, ExtraArgs: args, Progress: co.Err,
	})
	if err != nil {
		return nil, err
	}
	if env["E2E_SAMPLE_APISERVER"], err = cl.StartExtension(ctx, "sample-apiserver", sample); err != nil {
		return nil, errors.Join(err, cl.Stop(context.WithoutCancel(ctx)))
	}
	env["E2E_EXPECT"] = expect
	env["E2E_KUBECONFIG"] = cl.Kubeconfig()
	env["E2E_SERVER"] = cl.URL()
	env["E2E_AUDIT_LOG"] = cl.AuditLog()
	env["E2E_REQUEST_TIMEOUT"] = requestTimeout.String()
	env["E2E_STALLED_TIMEOUT"] = stalledTimeout.String()
	return cl, nil
}

// runTests runs the program, and reads its report.
func runTests(ctx context.Context, co *checkout.Checkout, program string, env map[string]string) (*report.Report, error) {
	path, last := env["E2E_REPORT"], filepath.Join(co.Output(), "e2e", reportFile)
	if err := os.Remove(last); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	environ := co.Environ()
	for k, v := range env {
		environ = append(environ, k+"="+v)
	}
	// What the tests say themselves has all that go test would. They end in time by themselves, and when we are killed, as
	// they have to remove what they made; go test's own way is to panic.
	_, err := proc.Cmd{Args: []string{program, "-test.timeout=0"}, Dir: filepath.Dir(path), Env: environ, Stderr: co.Err}.Output(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	data, readErr := os.ReadFile(path)
	if readErr != nil {
		return nil, errors.Join(errors.New("the tests were not run; next: see above what they said"), err)
	}
	if err := os.Rename(path, last); err != nil {
		return nil, err
	}
	r := &report.Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("the tests' report, %s: %w", co.Rel(last), err)
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	return r, judge(r, err)
}

// judge is what is wrong with a run that has this report, and whose program has ended with err.
func judge(r *report.Report, err error) error {
	if failed := r.Failed(); len(failed) > 0 {
		return fmt.Errorf("failed: %s; next: ID=%s runs one of them", strings.Join(failed, " "), failed[0])
	}
	if err != nil {
		return fmt.Errorf("the tests: %w", err)
	}
	if r.Passed() == 0 {
		return fmt.Errorf("of %d tests none has passed, which shows nothing; next: see above why each was skipped", len(r.Tests))
	}
	return nil
}
