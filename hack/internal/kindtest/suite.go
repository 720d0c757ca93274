package kindtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/e2e"
	"fork.internal/apiserver/hack/internal/nodeimage"
	"fork.internal/apiserver/test/e2e/report"
)

// busyboxImage is the image of the suite's pods, which only nodes have.
const busyboxImage = "fork.internal/busybox:bookworm"

// suite runs the end-to-end tests on the cluster.
func (c *Cluster) suite(ctx context.Context) error {
	r := c.run
	if err := c.Part("the image of its pods", func() error {
		img, err := nodeimage.Busybox(ctx, r.co, c.Arch())
		if err != nil {
			return err
		}
		return c.Load(ctx, map[string]v1.Image{busyboxImage: img})
	}); err != nil {
		return err
	}
	o := e2e.Options{Kubeconfig: c.Kubeconfig(), Image: busyboxImage, Tests: r.o.Tests, Streams: r.o.Streams}
	if !r.o.Unmodified { // Whoever leaves a node image's own server in place may have put the fork there himself.
		o.Expect = report.Forked
	}
	if len(r.o.arguments()) > 0 {
		o.WatchWriteTimeout = watchWriteTimeout
	}
	if r.o.Streams > 0 {
		var err error
		if o.Server, err = r.kind.server(ctx, 0); err != nil {
			return err
		}
	}
	if err := c.Part("sample-apiserver", func() (err error) {
		o.SampleAPIServer, err = c.startSample(ctx)
		return err
	}); err != nil {
		return fmt.Errorf("sample-apiserver: %w", err)
	}
	return c.Part("test/e2e", func() error {
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
