package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/foreign"
	"fork.internal/apiserver/hack/internal/pins"
)

func newGateOffCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "gate-off",
		Short: "Write a file for go's -overlay with which a tree has the feature gate off, and print its path",
		Args:  cobra.NoArgs,
	}
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		_, pin, err := pins.Find(co.Pins(), tag)
		if err != nil {
			return err
		}
		info, err := build.ForkTree(cmd.Context(), co, pin.Tag)
		if err != nil {
			return err
		}
		dir := filepath.Join(co.Output(), "gate-off", pin.Tag)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		overlay, err := foreign.GateOff(info.Path, dir)
		if err == nil {
			fmt.Fprintln(co.Out, overlay)
		}
		return err
	}
	return cmd
}
