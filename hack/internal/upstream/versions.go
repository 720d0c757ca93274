package upstream

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// Versions are those that the module proxy lists of a module, pre-releases too, in ascending order: at least one, or it
// is an error.
func Versions(ctx context.Context, co *checkout.Checkout, module string) ([]string, error) {
	dir, remove, err := nowhere()
	if err != nil {
		return nil, err
	}
	defer remove()
	out, err := gotool.RunMod(ctx, co, dir, nil, "list", "-m", "-versions", module)
	if err != nil {
		return nil, fmt.Errorf("%w\nnext: see whether the module proxy (go env GOPROXY) can be reached", err)
	}
	fields := strings.Fields(out)
	if len(fields) < 2 {
		return nil, fmt.Errorf("the module proxy lists no version of %s; next: try another one (go env GOPROXY)", module)
	}
	versions := fields[1:]
	slices.SortFunc(versions, semver.Compare)
	return versions, nil
}
