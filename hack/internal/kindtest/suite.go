package kindtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/nodeimage"
	"fork.internal/apiserver/hack/internal/proc"
)

// suiteDir is the end-to-end tests, which need nothing but a kubeconfig.
const suiteDir = "test/e2e"

// suite builds the end-to-end tests, if this checkout has them, and runs them on the cluster.
func (r *run) suite(ctx context.Context) error {
	dir := filepath.Join(r.co.Root, filepath.FromSlash(suiteDir))
	if tests, err := filepath.Glob(filepath.Join(dir, "*_test.go")); err != nil || len(tests) == 0 {
		fmt.Fprintf(r.co.Err, "%s has no tests: no more is run on this cluster\n", suiteDir)
		return err
	}
	bin := filepath.Join(r.co.Output(), "bin", "e2e.test")
	if err := r.part("build "+suiteDir, func() error {
		_, err := gotool.Run(ctx, r.co, r.co.Root, nil, "test", "-c", "-o", bin, "./"+suiteDir)
		return err
	}); err != nil {
		return err
	}
	if err := r.part("the image of its pods", func() error { return loadBusybox(ctx, r.co, r.kind) }); err != nil {
		return err
	}
	return r.part(suiteDir, func() error {
		env := append(r.co.Environ(), "E2E_KUBECONFIG="+r.kind.kubeconfig(), "E2E_IMAGE="+busyboxImage)
		// The log is root's; who runs this as somebody else does without it.
		log := filepath.Join(auditDir(r.kind.dir, 0), auditFile)
		if f, err := os.Open(log); err == nil && r.o.Nodes == 1 {
			f.Close()
			env = append(env, "E2E_AUDIT_LOG="+log)
		}
		_, err := proc.Cmd{Args: []string{bin, "-test.v", "-test.timeout=1h"}, Dir: dir, Env: env, Stdout: r.co.Err, Stderr: r.co.Err}.Output(ctx)
		var failed *proc.Error
		if errors.As(err, &failed) {
			return fmt.Errorf("%s failed: %w", suiteDir, failed.Err)
		}
		return err
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
