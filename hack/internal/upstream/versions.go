package upstream

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
)

// Versions are those that the module proxy lists of a module, pre-releases too, in ascending order.
func Versions(ctx context.Context, co *checkout.Checkout, module string) ([]string, error) {
	out, err := gotool.RunMod(ctx, co, os.TempDir(), nil, "list", "-m", "-versions", module)
	if err != nil {
		return nil, fmt.Errorf("%w\nnext: see whether the module proxy (go env GOPROXY) can be reached", err)
	}
	fields := strings.Fields(out)
	versions := fields[min(1, len(fields)):]
	slices.SortFunc(versions, semver.Compare)
	return versions, nil
}
