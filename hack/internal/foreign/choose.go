package foreign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// looks is of how many of a module's newest releases the go.mod is looked at.
const looks = 10

// NoneError is a module that cannot be tested with a tag.
type NoneError struct{ Path, Tag string }

func (e *NoneError) Error() string {
	return fmt.Sprintf("none of the newest %d releases of %s requires a pinned tag up to %s", looks, e.Path, e.Tag)
}

// AtTag is a module that upstream releases under the tags of the pinned one.
func AtTag(path string, pin pins.Tag) Module {
	return Module{Path: path, Version: pin.Tag, Requires: pin.Tag}
}

// Newest is the newest release of a module whose go.mod requires a pinned tag that is not newer than pin's. The error
// is a *NoneError when there is none.
func Newest(ctx context.Context, co *checkout.Checkout, p *pins.Pins, path string, pin pins.Tag) (Module, error) {
	versions, err := upstream.Versions(ctx, co, path)
	if err != nil {
		return Module{}, err
	}
	versions = slices.DeleteFunc(versions, func(v string) bool { return semver.Prerelease(v) != "" })
	slices.Reverse(versions)
	for _, version := range versions[:min(looks, len(versions))] {
		requires, err := required(ctx, co, p.Module, path, version)
		if err != nil {
			return Module{}, err
		}
		if requires == "" || semver.Compare(requires, pin.Tag) > 0 {
			continue
		}
		if _, err := p.Lookup(requires); err == nil {
			return Module{Path: path, Version: version, Requires: requires}, nil
		}
	}
	return Module{}, &NoneError{Path: path, Tag: pin.Tag}
}

// required is the version of a module that a version of path requires, or "".
func required(ctx context.Context, co *checkout.Checkout, module, path, version string) (string, error) {
	cached, err := upstream.Look(ctx, co, path, version)
	if notServed := new(upstream.NotServedError); errors.As(err, &notServed) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(cached.GoMod)
	if err != nil {
		return "", err
	}
	f, err := modfile.Parse(path+"/go.mod", data, nil)
	if err != nil {
		return "", err
	}
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}
	return "", nil
}
