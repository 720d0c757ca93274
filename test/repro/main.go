// Repro shows the known defects of upstream's apiserver, one per run. The same
// source is built against the unmodified module and against the fork's tree;
// `make repro` builds both and puts what they show side by side.
//
//	repro list      prints the cases, a JSON object a line
//	repro run ID    runs one case and prints its Result
//	repro stall AT  is the clients of STALLED, which starts it
//
// A case may well end the process: that is what some defects do.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"k8s.io/klog/v2"
)

// Case is one row of the table of defects.
type Case struct {
	// ID is the row's, and Title what happens on unmodified upstream.
	ID, Title string
	// Fatal is a part of what the process prints when it dies of the defect,
	// or empty if it does not.
	Fatal string `json:",omitempty"`

	// Plain is set if the row is one of numbers, of which the race detector
	// would make others.
	Plain bool `json:",omitempty"`

	// run provokes the defect. It returns an error only if it could not.
	run func(context.Context) (Result, error)
}

// Result is what a case has shown.
type Result struct {
	// Defect is whether it was there.
	Defect bool
	// Seen says in a few words what was seen, with numbers.
	Seen string
}

// limit is how long a case may take.
const limit = 2 * time.Minute

var cases []Case

func register(c Case) { cases = append(cases, c) }

func main() {
	// What the server logs is of no interest here.
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard)

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
	case len(args) == 2 && args[0] == "run":
		i := slices.IndexFunc(cases, func(c Case) bool { return c.ID == args[1] })
		if i < 0 {
			return fmt.Errorf("there is no case %s: `repro list` names them", args[1])
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		result, err := cases[i].run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		return out.Encode(result)
	case len(args) == 2 && args[0] == "stall":
		return stall(os.Stdin, os.Stdout, address(args[1]))
	}
	return fmt.Errorf("want `list` or `run ID`, got %q", args)
}
