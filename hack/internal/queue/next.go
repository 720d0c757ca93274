package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proc"
	"fork.internal/apiserver/hack/internal/upstream"
)

// VerifyNext tries the newest minor's patches on a tag that is newer than all that are pinned; an empty one means the
// newest that the module proxy lists, pre-releases too. It hands each result to report, and leaves a tree in
// _output/next, and nothing else. What the tag requires and the proxy does not have, another version stands in for, as a
// warning says. With pin, the tag becomes the pins' Next, whatever comes of the rest. That there is no newer tag is no error, but a check
// that is skipped.
func VerifyNext(ctx context.Context, co *checkout.Checkout, tag string, pin bool, report func(Check)) error {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return err
	}
	defer unlock()
	newest, err := p.Lookup("")
	if err != nil {
		return err
	}
	v := &verifier{co: co, pins: p, report: report}
	if tag == "" {
		versions, err := upstream.Versions(ctx, co, p.Module)
		if err != nil {
			return err
		}
		if tag = versions[len(versions)-1]; semver.Compare(tag, newest.Tag) <= 0 {
			v.do(ctx, newest.Tag, "a newer tag", func() ([]string, error) { return nil, errSkip("the module proxy has none") })
			return v.result(ctx)
		}
	}
	if err := pins.CheckTag(tag); err != nil {
		return err
	}
	if semver.Compare(tag, newest.Tag) <= 0 {
		return fmt.Errorf("%s is not newer than %s, which is pinned; next: make verify-tags TAG=%[1]s, or make pins ADD=%[1]s", tag, newest.Tag)
	}
	return v.next(ctx, newest, tag, pin)
}

// next makes the checks of VerifyNext.
func (v *verifier) next(ctx context.Context, newest pins.Tag, tag string, pin bool) error {
	rel, err := upstream.FetchNew(ctx, v.co, v.pins.Module, tag)
	if err != nil {
		return err
	}
	if !v.do(ctx, tag, "pin matches", func() ([]string, error) {
		if known := v.pins.Next; known != nil && known.Tag == tag {
			return nil, rel.Check(known.Sum)
		}
		if !pin {
			return nil, errSkip("it has none; make verify-next PIN=1 makes it one")
		}
		v.pins.Next = &pins.Tag{Tag: tag, Sum: rel.Sum}
		return nil, v.pins.Save(v.co.Pins())
	}) {
		return v.result(ctx)
	}
	in, err := readInputs(v.co.Root, pins.MinorOf(newest.Tag))
	if err != nil {
		return err
	}
	dir := filepath.Join(v.co.Output(), "next", tag)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	var tree git.Repo
	if !v.do(ctx, tag, "patches apply without fuzz", func() (_ []string, err error) {
		if tree, err = lay(ctx, v.co, rel, in, dir); errors.As(err, new(*ConflictError)) {
			// A tree with a conflict is one to work in, and the next run would throw this one away.
			err = fmt.Errorf("%w\nnext: make rebase TO=%s makes a tree to resolve it in, once it is time for %s to have patches of its own\n"+
				"or, so that one patch fits both: what it adds there goes to a file or an import block of our own", errors.Join(err, os.RemoveAll(dir)), tag, pins.MinorOf(tag))
		}
		return nil, err
	}) {
		return v.result(ctx)
	}
	v.do(ctx, tag, chainCheck, func() ([]string, error) {
		err := checkChain(ctx, v.co, tree, tag)
		if err != nil && !errors.As(err, new(errSkip)) {
			err = fmt.Errorf("%w\n(that tree is made by make rebase TO=%s, once it is time for %s to have patches of its own)", err, tag, pins.MinorOf(tag))
		}
		return nil, err
	})
	v.do(ctx, tag, signaturesCheck, func() ([]string, error) { return nil, checkSignatures(ctx, tree) })
	mod := ""
	if v.do(ctx, tag, "what it requires is there", func() (warnings []string, err error) {
		mod, warnings, err = v.standIns(ctx, tree)
		return warnings, err
	}) {
		v.nextGo(ctx, tag, tree, mod)
	}
	return v.result(ctx)
}

// nextGo checks the tree with Go's own tools, by that go.mod.
func (v *verifier) nextGo(ctx context.Context, tag string, tree git.Repo, mod string) {
	dirs, err := touched(ctx, tree, refBase)
	run := func(command string, packages ...string) ([]string, error) {
		if err != nil {
			return nil, err
		}
		out, err := gotool.RunMod(ctx, v.co, tree.Dir, nil, append([]string{command, "-modfile", mod}, packages...)...)
		if err != nil && out != "" {
			err = fmt.Errorf("%w\n%s", err, proc.LastLines(out, 40)) // What tests say.
		}
		return nil, err
	}
	if !v.do(ctx, tag, "tree builds", func() ([]string, error) { return run("build", "./...") }) || len(dirs) == 0 {
		return
	}
	v.do(ctx, tag, "touched packages vet", func() ([]string, error) { return run("vet", packages(dirs)...) })
	fmt.Fprintf(v.co.Err, "testing the %d packages of %s that the fork touches, which takes minutes ...\n", len(dirs), tag)
	v.do(ctx, tag, "touched packages' tests pass", func() ([]string, error) {
		return run("test", packages(dirs)...)
	})
}

// standIns writes a go.mod for tree, beside it, for go's -modfile, in which another version stands in for each that the
// module proxy does not have: of the same module the newest that it has and that is older, or else the oldest. Each is a
// warning.
func (v *verifier) standIns(ctx context.Context, tree git.Repo) (file string, warnings []string, err error) {
	data, err := os.ReadFile(filepath.Join(tree.Dir, "go.mod"))
	if err != nil {
		return "", nil, err
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return "", nil, err
	}
	absent, err := v.absent(ctx, tree, mod)
	if err != nil {
		return "", nil, err
	}
	for _, m := range absent {
		instead, err := v.standIn(ctx, m)
		if err != nil {
			return "", nil, err
		}
		warnings = append(warnings, fmt.Sprintf("the module proxy does not have %s %s; %s stands in for it here", m.Path, m.Version, instead))
		if err := mod.AddReplace(m.Path, "", m.Path, instead); err != nil {
			return "", nil, err
		}
	}
	out, err := mod.Format()
	if err != nil {
		return "", nil, err
	}
	sums, err := os.ReadFile(filepath.Join(tree.Dir, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, err
	}
	return tree.Dir + ".mod", warnings, errors.Join(os.WriteFile(tree.Dir+".mod", out, 0o644), os.WriteFile(tree.Dir+".sum", sums, 0o644))
}

// absent lists what tree's go.mod requires and the module proxy does not have. The rest is downloaded.
func (v *verifier) absent(ctx context.Context, tree git.Repo, mod *modfile.File) (absent []module.Version, err error) {
	_, failed := gotool.Run(ctx, v.co, tree.Dir, nil, "mod", "download")
	if failed == nil || ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, r := range mod.Require {
		if _, err := upstream.Download(ctx, v.co, "", r.Mod.Path, r.Mod.Version); errors.As(err, new(*upstream.NotServedError)) {
			absent = append(absent, r.Mod)
		} else if err != nil {
			return nil, err
		}
	}
	if len(absent) == 0 {
		return nil, failed // Something else is wrong.
	}
	return absent, nil
}

// standIn is the version that stands in for one that is not there.
func (v *verifier) standIn(ctx context.Context, m module.Version) (string, error) {
	versions, err := upstream.Versions(ctx, v.co, m.Path)
	if err != nil {
		return "", err
	}
	i, _ := slices.BinarySearchFunc(versions, m.Version, semver.Compare)
	candidates := slices.Clone(versions[:i])
	slices.Reverse(candidates)
	for _, candidate := range append(candidates, versions[i:]...) {
		if candidate == m.Version {
			continue
		}
		if _, err := upstream.Download(ctx, v.co, "", m.Path, candidate); err == nil {
			return candidate, nil
		} else if !errors.As(err, new(*upstream.NotServedError)) {
			return "", err
		}
	}
	return "", fmt.Errorf("the module proxy has neither %s %s nor any other version of it; next: try another proxy (go env GOPROXY), or make verify-next TAG= with another tag", m.Path, m.Version)
}
