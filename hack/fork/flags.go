package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// tagFlag adds --tag.
func tagFlag(cmd *cobra.Command, tag *string, otherwise string) {
	cmd.Flags().StringVar(tag, "tag", "", "upstream tag, such as v0.37.2 (default: "+otherwise+")")
}

// streamsFlag adds --streams.
func streamsFlag(cmd *cobra.Command, streams *time.Duration) {
	cmd.Flags().DurationVar(streams, "streams", 0, "for how long to use streams that last, such as 10m, with short deadlines of the server's (default: leave that out)")
}

// output is the value of -o: how a command prints its result.
type output string

func outputFlag(cmd *cobra.Command) *output {
	o := new(output)
	cmd.Flags().VarP(o, "output", "o", "json prints the result as JSON")
	return o
}

// Set, String and Type make output a flag's value.
func (o *output) Set(s string) error {
	if s != "json" && s != "text" {
		return fmt.Errorf("must be text or json")
	}
	*o = output(s)
	return nil
}

func (o *output) String() string { return string(*o) }

// Type names the value in the help text.
func (o *output) Type() string { return "format" }

// print writes result as JSON if that was asked for, and calls text otherwise.
func (o *output) print(w io.Writer, result any, text func()) error {
	if *o != "json" {
		text()
		return nil
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}

// judged is a report that people read as a table, and that says whether all was as it should be.
type judged interface {
	WriteTable(io.Writer) error
	Verdict() error
}

// judge prints a report as print does, and returns its verdict.
func (o *output) judge(w io.Writer, r judged) error {
	var err error
	if printErr := o.print(w, r, func() { err = r.WriteTable(w) }); printErr != nil || err != nil {
		return errors.Join(printErr, err)
	}
	return r.Verdict()
}
