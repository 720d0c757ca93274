// Repro shows the known defects of upstream's apiserver, one per run. The same
// source is built against the unmodified module and against the fork's tree;
// `make repro` builds both and puts what they show side by side.
//
//	repro list            prints the cases, a JSON object a line
//	repro run ID          runs one case and prints its Result
//	repro record ID FILE  does so, with what an operator would have of it: the server's log on
//	                      standard error, at kube-apiserver's -v=3, and its audit events in FILE
//	repro stall AT        is the clients of STALLED, which starts it
//
// A case may well end the process: that is what some defects do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"fork.internal/apiserver/test/chain"
)

// Case is one row of the table of defects.
type Case struct {
	// ID is the row's, and Title what happens on unmodified upstream.
	ID, Title string
	// Fatal is a part of what the process prints when it dies of the defect,
	// or empty if it does not.
	Fatal string `json:",omitempty"`
	// Race is a part of the race detector's report if a data race is the defect,
	// or shows it: a function's name. Another race of upstream's shows nothing.
	Race string `json:",omitempty"`

	// Plain is set if the row is one of numbers, of which the race detector
	// would make others.
	Plain bool `json:",omitempty"`

	// run provokes the defect. It returns an error only if it could not.
	run func(context.Context) (Result, error)
}

// Result is what a case has shown.
type Result struct {
	// Defect is whether it was there: what the row's title says, by what any server says and does.
	Defect bool
	// Lacks is what is asked of nobody but the fork and was not there, such as a log line that only it has, or
	// empty. It makes no defect of upstream's.
	Lacks string `json:",omitempty"`
	// Seen says in a few words what was seen, with numbers.
	Seen string
	// Untried says why nothing was shown, if that is for the machine: it was too slow. The case is worth another try.
	Untried string `json:",omitempty"`
}

// untriedError is a case's that was too late for what it is about.
type untriedError struct{ error }

// untried returns an error by which the case is tried again, some times at most. It is for what a machine that has
// other things to do may bring about, and none of the servers.
func untried(format string, args ...any) error { return untriedError{fmt.Errorf(format, args...)} }

// limit is how long a case may take.
const limit = 2 * time.Minute

var cases []Case

func register(c Case) { cases = append(cases, c) }

func main() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(serverLog)

	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "repro: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out := json.NewEncoder(os.Stdout)
	switch {
	case len(args) == 1 && args[0] == "list":
		for _, c := range cases {
			if err := out.Encode(c); err != nil {
				return err
			}
		}
		return nil
	case len(args) == 3 && args[0] == "record":
		file, err := os.Create(args[2])
		if err != nil {
			return err
		}
		defer file.Close()
		chain.KeepAudit(file)
		if err := keepLog(os.Stderr); err != nil {
			return err
		}
		return run([]string{"run", args[1]})
	case len(args) == 2 && args[0] == "run":
		i := slices.IndexFunc(cases, func(c Case) bool { return c.ID == args[1] })
		if i < 0 {
			return fmt.Errorf("there is no case %s: `repro list` names them", args[1])
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		result, err := cases[i].run(ctx)
		if late := (untriedError{}); errors.As(err, &late) {
			return out.Encode(Result{Untried: late.Error()})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		return out.Encode(result)
	case len(args) == 2 && args[0] == "stall":
		return stall(os.Stdin, os.Stdout, address(args[1]))
	}
	return fmt.Errorf("want `list`, `run ID` or `record ID FILE`, got %q", args)
}
