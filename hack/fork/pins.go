package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/queue"
)

func newPinsCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pins",
		Short: "List the pinned upstream tags",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		p, err := pins.Load(co.Pins())
		if err != nil {
			return err
		}
		return out.print(co.Out, p, func() {
			for _, t := range p.All() {
				fmt.Fprintf(co.Out, "%-12s %-10s %s\n", t.Tag, t.Consumer, t.Sum)
			}
		})
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "add TAG",
		Short: "Pin a further tag of a minor, to which its patches apply as they are",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := queue.AddPin(cmd.Context(), co, args[0])
			if err == nil {
				fmt.Fprintf(co.Out, "pinned %s %s %s\n", t.Tag, t.Consumer, t.Sum)
			}
			return err
		},
	})
	return cmd
}
