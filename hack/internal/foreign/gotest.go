package foreign

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/proc"
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
}

// event is a line of go test -json (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	FailedBuild                   string // of a package that has failed for that
}

// runTests runs the go command in dir and reads what it says. Tests that fail are no error; that no test was run is.
func runTests(ctx context.Context, co *checkout.Checkout, dir string, args []string) (results, error) {
	read, write := io.Pipe()
	said := make(chan results, 1)
	out := &shared{w: co.Out}
	go func() {
		r, err := readEvents(read, out)
		read.CloseWithError(err)
		said <- r
	}()
	err := gotool.Stream(ctx, co, dir, write, out, args...)
	write.Close()
	r := <-said
	if failed := new(proc.Error); errors.As(err, &failed) && len(r.failed) > 0 {
		err = nil // The exit status of a failed test.
	}
	if err == nil && r.passed+r.skipped+len(r.failed) == 0 {
		err = fmt.Errorf("go test in %s has run no test", co.Rel(dir))
	}
	return r, err
}

// readEvents tells what came of each test, and writes what they have printed to out.
func readEvents(in io.Reader, out io.Writer) (results, error) {
	r := results{failed: map[test]bool{}}
	blamed := map[string]bool{}      // packages of which a test has failed
	parents := map[test]bool{}       // what has subtests
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
