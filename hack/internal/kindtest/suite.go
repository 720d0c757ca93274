package kindtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/e2e"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/nodeimage"
)

// suite runs the end-to-end tests on the cluster.
func (r *run) suite(ctx context.Context) error {
	if err := r.part("the image of its pods", func() error { return loadBusybox(ctx, r.co, r.kind) }); err != nil {
		return err
	}
	return r.part("test/e2e", func() error {
		o := e2e.Options{Kubeconfig: r.kind.kubeconfig(), Image: busyboxImage, Tests: r.o.Tests}
		// The log is root's; who runs this as somebody else does without it.
		log := filepath.Join(auditDir(r.kind.dir, 0), auditFile)
		if f, err := os.Open(log); err == nil && r.o.Nodes == 1 {
			f.Close()
			o.AuditLog = log
		}
		if _, err := e2e.Run(ctx, r.co, o); err != nil {
			return fmt.Errorf("test/e2e: %w", err)
		}
		return nil
	})
}

// busyboxImage is the image of the suite's pods, which only nodes have.
const busyboxImage = "fork.internal/busybox:bookworm"

// loadBusybox gives it to the nodes.
func loadBusybox(ctx context.Context, co *checkout.Checkout, k *kind) error {
	img, err := nodeimage.Busybox(ctx, co, k.e.Arch())
	if err != nil {
		return err
	}
	archive := filepath.Join(k.dir, "busybox.tar")
	defer os.Remove(archive)
	if err := image.WriteDocker(archive, busyboxImage, img); err != nil {
		return err
	}
	return k.load(ctx, archive)
}
