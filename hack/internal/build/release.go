package build

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// goVersion is where a release of the consumer says which Go it was built with.
const goVersion = ".go-version"

// WithReleasesGo is co with a Go that is no older than the one that the consumer's release was built with which goes with
// tag (empty means the newest pinned one): what takes a release's place has all fixes of Go's that the release has. The
// release is downloaded; one that does not say its Go leaves co as it is.
func WithReleasesGo(ctx context.Context, co *checkout.Checkout, tag string) (*checkout.Checkout, error) {
	p, pin, err := pins.Find(co.Pins(), tag)
	if err != nil {
		return nil, err
	}
	if err := needConsumer(p, pin); err != nil {
		return nil, err
	}
	release, err := upstream.Download(ctx, co, "", p.Consumer, pin.Consumer)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(release.Dir, goVersion))
	if errors.Is(err, fs.ErrNotExist) {
		return co, nil
	} else if err != nil {
		return nil, err
	}
	return gotool.With(ctx, co, p.Consumer+" "+pin.Consumer, strings.TrimSpace(string(data)))
}
