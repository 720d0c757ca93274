package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/readme"
)

func newReadmeCommand(co *checkout.Checkout) *cobra.Command {
	return &cobra.Command{
		Use:   "readme",
		Short: "Write README.md's compatibility table from the pins",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, unlock, p, err := pins.Lock(cmd.Context(), co)
			if err != nil {
				return err
			}
			defer unlock()
			changed, err := readme.Write(co, p)
			if err == nil && !changed {
				fmt.Fprintln(co.Out, "nothing changed")
			} else if err == nil {
				fmt.Fprintln(co.Out, "README.md: written")
			}
			return err
		},
	}
}
