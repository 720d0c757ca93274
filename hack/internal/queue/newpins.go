package queue

import (
	"context"
	"slices"

	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// NewTags lists the releases that the module proxy has of the minors that are pinned, and that are not pinned themselves, in
// ascending order.
func NewTags(ctx context.Context, co *checkout.Checkout) ([]string, error) {
	p, err := pins.Load(co.Pins())
	if err != nil {
		return nil, err
	}
	versions, err := upstream.Versions(ctx, co, p.Module)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(versions, func(v string) bool {
		_, notPinned := p.Lookup(v)
		return semver.Prerelease(v) != "" || p.NewestOf(pins.MinorOf(v)) == "" || notPinned == nil
	}), nil
}
