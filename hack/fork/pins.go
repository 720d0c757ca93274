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
	cmd.AddCommand(newPinsAddCommand(co), newPinsNewCommand(co))
	return cmd
}

func newPinsNewCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new",
		Short: "List the releases of the pinned minors that the module proxy has and that are not pinned",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		tags, err := queue.NewTags(cmd.Context(), co)
		if err != nil {
			return err
		}
		return out.print(co.Out, tags, func() {
			for _, tag := range tags {
				fmt.Fprintln(co.Out, tag)
			}
		})
	}
	return cmd
}

func newPinsAddCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add TAG",
		Short: "Pin a further tag of a minor, to which its patches apply as they are",
		Args:  cobra.ExactArgs(1),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pin, err := queue.AddPin(cmd.Context(), co, args[0])
		if err != nil {
			return err
		}
		return out.print(co.Out, pin, func() {
			how := "pinned"
			if !pin.New {
				how = "pinned already:"
			}
			fmt.Fprintln(co.Out, how, pin.Tag.Tag, pin.Consumer, pin.Sum)
		})
	}
	return cmd
}
