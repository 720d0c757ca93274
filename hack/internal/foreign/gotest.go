package foreign

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// test is a test or a subtest of a package; Name is empty for the package itself, which fails with no test of its
// own to blame when it does not build, panics or takes too long.
type test struct{ Package, Name string }

func (t test) String() string {
	if t.Name == "" {
		return t.Package
	}
	return t.Package + " " + t.Name
}

// results is what came of a run of go test.
type results struct {
	passed  int // tests, without those that have subtests
	skipped int
	failed  map[test]bool
	broken  []string // packages that do not build
	cut     []string // packages that have begun, and of which nobody has said how they ended
}

// event is a line of go test -json (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	FailedBuild                   string // of a package that has failed for that
}

// testsFailed is go test's exit status for failed tests, and for packages that do not build. Another one, or a signal, says that
// it has not run all.
const testsFailed = 1

// runTests runs the go command in dir and reads what it says. Tests that fail are no error; that no test was run is, or
// that the run did not come to its end.
func runTests(ctx context.Context, co *checkout.Checkout, dir string, args []string) (results, error) {
	read, write := io.Pipe()
	var r results
	var unread error
	ended := make(chan struct{}) // r and unread are written before it is closed, and read after
	out := &shared{w: co.Out}
	go func() {
		defer close(ended)
		r, unread = readEvents(read, out)
		read.CloseWithError(unread)
	}()
	err := gotool.Stream(ctx, co, dir, write, out, args...)
	write.Close()
	<-ended
	if failed := new(exec.ExitError); errors.As(err, &failed) && failed.ExitCode() == testsFailed && (len(r.failed) > 0 || unread != nil) {
		err = nil
	}
	if err == nil {
		err = unread
	}
	switch {
	case err != nil:
	case len(r.cut) > 0:
		err = fmt.Errorf("go test in %s has not said how these packages ended:\n  %s\nnext: look into the log for what ended them, and repeat", co.Rel(dir), strings.Join(r.cut, "\n  "))
	case r.passed+r.skipped+len(r.failed) == 0:
		err = fmt.Errorf("go test in %s has run no test\nnext: look into the log for which packages it has found", co.Rel(dir))
	}
	return r, err
}

// readEvents tells what came of each test, and writes what they have printed to out.
func readEvents(in io.Reader, out io.Writer) (results, error) {
	r := results{failed: map[test]bool{}}
	blamed := map[string]bool{}      // packages of which a test has failed
	parents := map[test]bool{}       // what has subtests
	begun := map[string]bool{}       // packages that have not ended
	running := map[string][]string{} // tests that have not ended, by package
	ended := map[test]string{}
	dec := json.NewDecoder(bufio.NewReader(in))
	for {
		var e event
		if err := dec.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			return r, fmt.Errorf("go test -json: %w", err)
		}
		t := test{e.Package, e.Test}
		switch e.Action {
		case "start":
			begun[e.Package] = true
		case "output", "build-output":
			io.WriteString(out, e.Output)
		case "run":
			for i, c := range e.Test {
				if c == '/' {
					parents[test{e.Package, e.Test[:i]}] = true
				}
			}
			running[e.Package] = append(running[e.Package], e.Test)
		case "pass", "skip", "fail":
			if e.Test == "" {
				// What had not ended has come to nothing, and so has the package if it is that which failed.
				if e.FailedBuild != "" {
					r.broken = append(r.broken, e.Package)
				}
				if e.Action == "fail" {
					for _, name := range running[e.Package] {
						r.failed[test{e.Package, name}] = true
					}
					if len(running[e.Package]) > 0 || !blamed[e.Package] {
						r.failed[t] = true
					}
				}
				delete(running, e.Package)
				delete(begun, e.Package)
				continue
			}
			if e.Action == "fail" {
				blamed[e.Package] = true
			}
			running[e.Package] = slices.DeleteFunc(running[e.Package], func(name string) bool { return name == e.Test })
			if ended[t] != "fail" { // Of several runs, one that failed counts.
				ended[t] = e.Action
			}
		}
	}
	r.cut = slices.Sorted(maps.Keys(begun))
	for t, action := range ended {
		switch {
		case action == "fail":
			r.failed[t] = true
		case parents[t]:
		case action == "skip":
			r.skipped++
		default:
			r.passed++
		}
	}
	return r, nil
}

// shared is a writer for what tests print and for what the go command says, which come from two goroutines.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
