package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/engine"
)

func newEngineCommand(co *checkout.Checkout) *cobra.Command {
	return &cobra.Command{
		Use:   "engine",
		Short: "Run a docker engine below _output/engine until Ctrl-C, on a machine where none is started",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return engine.Serve(cmd.Context(), co, func(host string) {
				fmt.Fprintf(co.Out, "the engine is ready; make test-kind in this checkout finds it; for others:\n  export DOCKER_HOST=%s\n", host)
			})
		},
	}
}
