package replace

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
)

// check looks for every reason to leave the module alone, and returns the tag whose fork it needs.
func (u *user) check(ctx context.Context, co *checkout.Checkout, p *pins.Pins, o Options) (tag string, err error) {
	if u.replaced != nil && !ours(u.replaced) {
		return "", u.replacedError()
	}
	if u.required == "" {
		return "", fmt.Errorf("%s does not require %s: there is nothing to replace; next: go get %[2]s@%[3]s there, if the module is to use it",
			u.gomod.name, u.module, newest(p))
	}
	if tag, err = u.tag(p, o.Tag); err != nil {
		return "", err
	}
	if err := u.alone(ctx, co, tag); err != nil {
		return "", err
	}
	return tag, u.writable()
}

// alone fails when something other than go.mod says what the module is built from: a workspace, or a
// vendor directory that does not have the fork.
func (u *user) alone(ctx context.Context, co *checkout.Checkout, tag string) error {
	work, err := gotool.Work(ctx, co, u.dir)
	if err != nil {
		return err
	}
	if work != "" {
		return fmt.Errorf("DIR=%s is in a workspace, %s: that has the say, for all of its modules; next:\n"+
			"  make tree TAG=%s\n  go work edit -replace=%s=%s %[2]s\nor, to build the module by itself from then on:\n  GOWORK=off make replace DIR=%[1]s",
			u.dir, work, tag, u.module, co.Tree(tag))
	}
	if u.replaced == nil && u.vendors() {
		return fmt.Errorf("DIR=%s has a vendor directory, which is built in place of what go.mod says; next: either patch that\n"+
			"(hack/README.md), or rm -r %s, make replace, and go mod vendor there", u.dir, u.vendor())
	}
	return nil
}

func (u *user) vendor() string { return filepath.Join(u.dir, "vendor") }

// vendors reports whether the module has a vendor directory. What is in there may be older than go.mod.
func (u *user) vendors() bool {
	_, err := os.Stat(u.vendor())
	return err == nil
}

// tag is the pinned tag that the module requires.
func (u *user) tag(p *pins.Pins, asked string) (string, error) {
	if asked != "" {
		if _, err := p.Lookup(asked); err != nil {
			return "", err
		}
		if asked != u.required {
			return "", fmt.Errorf("TAG=%s, but %s requires %s %s: the two must be the same; next: leave TAG out, or go get %[3]s@%[1]s (with the k8s.io modules that it is released with) in %[5]s",
				asked, u.gomod.name, u.module, u.required, u.dir)
		}
	}
	if _, err := p.Lookup(u.required); err == nil {
		return u.required, nil
	}
	return "", fmt.Errorf("%s requires %s %s, which the fork does not carry; the nearest that it does is %s; next: go get %[2]s@%[4]s (with the k8s.io modules that it is released with) in %[5]s\n%s; all: make pins",
		u.gomod.name, u.module, u.required, p.Nearest(u.required), u.dir, p.Unpinned(u.required))
}

func newest(p *pins.Pins) string {
	pin, err := p.Lookup("")
	if err != nil {
		return "latest"
	}
	return pin.Tag
}

// writable fails when go.mod or go.sum is not to be written. A rename would not ask.
func (u *user) writable() error {
	for _, f := range []file{u.gomod, u.gosum} {
		if f.exists && f.mode&0o200 == 0 {
			return fmt.Errorf("%s is read-only (in the module cache? work on a copy); next: chmod u+w %[1]s", f.name)
		}
	}
	probe, err := os.CreateTemp(filepath.Dir(u.gomod.name), ".fork-*")
	if err != nil {
		return fmt.Errorf("%s cannot be replaced: %w; next: chmod u+w %s", u.gomod.name, err, filepath.Dir(u.gomod.name))
	}
	probe.Close()
	return os.Remove(probe.Name())
}

func (u *user) replacedError() error {
	if ours(u.replaced) {
		return fmt.Errorf("%s uses the fork already, as %s; next: make replace DIR=%s UNDO=1, then this again", u.gomod.name, u.replaced.New, u.dir)
	}
	return fmt.Errorf("%s replaces %s already, with %s; next: if the fork is to take its place, go mod edit -dropreplace=%s in %s, then this again",
		u.gomod.name, u.replaced.Old, u.replaced.New, u.replaced.Old, u.dir)
}

// ours reports whether Do has written r.
func ours(r *modfile.Replace) bool { return commented(r, comment) || commented(r, comment+sumsToo) }

// sumsAreOurs reports whether there was no go.sum before Do.
func (u *user) sumsAreOurs() bool { return u.replaced != nil && commented(u.replaced, comment+sumsToo) }

func commented(r *modfile.Replace, with string) bool {
	return slices.ContainsFunc(r.Syntax.Before, func(c modfile.Comment) bool { return c.Token == with })
}
