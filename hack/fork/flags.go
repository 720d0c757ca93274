package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// tagFlag adds --tag.
func tagFlag(cmd *cobra.Command, tag *string, otherwise string) {
	cmd.Flags().StringVar(tag, "tag", "", "upstream tag, such as v0.37.2 (default: "+otherwise+")")
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
