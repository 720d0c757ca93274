package conformance

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// imagesDir is where the release has what the tests' pods run.
const imagesDir = "test/images"

// programs are what runs the tests, all of the release and unmodified.
type programs struct {
	tag     string
	tests   string // test/e2e
	ginkgo  string // of the version that the tests have
	kubectl string
	// What pods run, and the sources of their images.
	agnhost, nonewprivs string
	images              string
}

func makePrograms(ctx context.Context, co *checkout.Checkout, tag string) (*programs, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("the tests are built for the nodes' system, which is linux, and this is %s; next: run it on linux", runtime.GOOS)
	}
	pinned, pin, err := pins.Find(co.Pins(), tag)
	if err != nil {
		return nil, err
	}
	p := &programs{tag: pin.Tag}
	for _, w := range []struct {
		into *string
		want build.Wanted
	}{
		{&p.ginkgo, build.Wanted{Program: "ginkgo", Package: "github.com/onsi/ginkgo/v2/ginkgo"}},
		{&p.tests, build.Wanted{Program: "e2e.test", Package: pinned.Consumer + "/test/e2e", Test: true}},
		{&p.agnhost, build.Wanted{Program: "agnhost", Package: pinned.Consumer + "/" + imagesDir + "/agnhost"}},
		{&p.nonewprivs, build.Wanted{Program: "nnp", Package: pinned.Consumer + "/" + imagesDir + "/nonewprivs"}},
		{&p.kubectl, build.Wanted{Program: "kubectl"}},
	} {
		// As the nodes' programs are built, with which they share most packages.
		w.want.Variant, w.want.Static = build.Upstream, runtime.GOARCH
		b, err := build.Kubernetes(ctx, co, tag, w.want)
		if err != nil {
			return nil, err
		}
		*w.into = b.Path
	}
	sources, err := upstream.Download(ctx, co, "", pinned.Consumer, pin.Consumer)
	if err != nil {
		return nil, err
	}
	p.images = filepath.Join(sources.Dir, filepath.FromSlash(imagesDir))
	return p, nil
}
