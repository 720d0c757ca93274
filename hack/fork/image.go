package main

import (
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
)

func newImageCommand(co *checkout.Checkout) *cobra.Command {
	var tag, arch, name string
	var unmodified bool
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Make a container image of kube-apiserver with the fork, as two archives that take the released one's place",
		Args:  cobra.NoArgs,
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.Flags().StringVar(&arch, "arch", "", "amd64 or arm64 (default: this machine's)")
	cmd.Flags().StringVar(&name, "name", "", "what the image is called, with a tag (default: as the released one)")
	cmd.Flags().BoolVar(&unmodified, "unmodified", false, "make it without the fork")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if arch == "" {
			arch = runtime.GOARCH
		}
		variant := build.Fork
		if unmodified {
			variant = build.Upstream
		}
		made, err := image.KubeAPIServer(cmd.Context(), co, tag, arch, name, variant)
		if err != nil {
			return err
		}
		return out.print(co.Out, made, func() {
			fmt.Fprintf(co.Out, "%s for %s: %s\n  digest %s\n  id     %s\n  docker %s\n  oci    %s\n",
				made.Name, made.Arch, made.Version, made.Digest, made.ID, co.Rel(made.Docker), co.Rel(made.OCI))
			fmt.Fprintf(co.Out, "next: to a node, and there: ctr -n k8s.io images import %s; or kind load image-archive; then its manifest: OPERATING.md, \"Roll it out and back\"\n",
				filepath.Base(made.Docker))
		})
	}
	return cmd
}
