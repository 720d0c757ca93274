package replace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gosum"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// appendBlock adds the replacement to the end of a go.mod. It does so as text, which leaves every
// byte of the user's alone: they need not have formatted it, and it can be taken back exactly.
func appendBlock(gomod, comment, path string, target module.Version) string {
	end := "\n"
	if strings.Contains(gomod, "\r\n") {
		end = "\r\n"
	}
	if gomod != "" && !strings.HasSuffix(gomod, "\n") {
		gomod += end
	}
	return gomod + end + comment + end + "replace " + path + " => " + strings.TrimSpace(modfile.AutoQuote(target.Path)+" "+target.Version) + end
}

// removeBlock is go.mod without what appendBlock has added.
func (u *user) removeBlock() (string, error) {
	if u.replaced == nil {
		return "", fmt.Errorf("%s does not replace %s: there is nothing to undo", u.gomod.name, u.module)
	}
	byHand := fmt.Errorf("%s replaces %s with %s, which is not, or no longer, as make replace writes it; next: go mod edit -dropreplace=%s in %s, if it is to go",
		u.gomod.name, u.replaced.Old, u.replaced.New, u.replaced.Old, u.dir)
	before, after, ok := strings.Cut(u.gomod.text, comment)
	if !ours(u.replaced) || !ok {
		return "", byHand
	}
	_, after, _ = strings.Cut(after, "\n")
	line, rest, _ := strings.Cut(after, "\n")
	if !strings.HasPrefix(line, "replace "+u.module+" => ") {
		return "", byHand
	}
	// The blank line before it.
	if trimmed, ok := strings.CutSuffix(before, "\r\n"); ok {
		before = trimmed
	} else {
		before = strings.TrimSuffix(before, "\n")
	}
	return before + rest, nil
}

// restoreSums puts back upstream's lines of go.sum, which `go mod tidy` drops while they are not
// needed. A module that has no go.sum, or none but the one that Do has made, gets none.
func (u *user) restoreSums(ctx context.Context, co *checkout.Checkout, p *pins.Pins, text string) (_, warning string) {
	had := gosum.Find(text, u.module, u.required)
	if !u.gosum.exists || text == "" && u.sumsAreOurs() || had.Zip != "" && had.GoMod != "" {
		return text, ""
	}
	hint := fmt.Sprintf("go.sum lacks %s %s; next: go mod tidy in %s", u.module, u.required, u.dir)
	pin, err := p.Lookup(u.required)
	if err != nil || u.required == "" {
		return text, hint
	}
	rel, err := upstream.Fetch(ctx, co, p.Module, pin.Tag)
	if err != nil || rel.Check(pin.Sum) != nil {
		return text, hint
	}
	return gosum.Add(text, gosum.Sums{Path: u.module, Version: pin.Tag, Zip: pin.Sum, GoMod: rel.GoModSum}), ""
}

// edit is what the user's files become.
type edit struct {
	user         *user
	gomod, gosum string
}

func (u *user) edit() *edit { return &edit{user: u, gomod: u.gomod.text, gosum: u.gosum.text} }

// check fails unless the new go.mod says what the old one did, but that module is replaced with
// target or, when that has no path, not replaced.
func (e *edit) check(target module.Version) error {
	f, err := modfile.Parse(e.user.gomod.name, []byte(e.gomod), nil)
	if err != nil {
		return fmt.Errorf("the edited go.mod would not be one: %w", err)
	}
	was, _ := e.user.read(e.user.parsed)
	others, got := e.user.read(f)
	if others != was {
		return errors.New("the edited go.mod would say other things about other modules")
	}
	if got != target {
		return fmt.Errorf("the edited go.mod would replace %s with %q, not with %q", e.user.module, got, target)
	}
	return nil
}

// read is what a go.mod says about all other modules, and what it replaces module with.
func (u *user) read(f *modfile.File) (others string, target module.Version) {
	var b strings.Builder
	for _, r := range f.Replace {
		if r.Old.Path == u.module {
			target = r.New
		} else {
			fmt.Fprintln(&b, r.Old, r.New)
		}
	}
	for _, r := range f.Require {
		fmt.Fprintln(&b, r.Mod, r.Indirect)
	}
	return b.String(), target
}

// apply shows the change and, unless it is a dry run, makes it. go.sum comes first: lines that are
// not needed do no harm there, so that a run that is cut off has only to be repeated.
func (e *edit) apply(ctx context.Context, co *checkout.Checkout, dryRun bool, result *Result, show func(*Result)) error {
	files := []struct {
		file
		base, text string
	}{{e.user.gosum, "go.sum", e.gosum}, {e.user.gomod, "go.mod", e.gomod}}
	old, changed := map[string]string{}, map[string]string{}
	for _, f := range files {
		if f.text != f.file.text {
			old[f.base], changed[f.base] = f.file.text, f.text
		}
	}
	var err error
	if result.Diff, err = git.Diff(ctx, co, old, changed); err != nil {
		return err
	}
	show(result)
	if dryRun {
		return nil
	}
	for _, f := range files {
		if now, err := os.ReadFile(f.name); err == nil && string(now) != f.file.text {
			return fmt.Errorf("%s has changed meanwhile; nothing was written over\nnext: repeat", f.name)
		}
	}
	for _, f := range files {
		if f.text == f.file.text {
			continue
		}
		if err := f.become(f.text, f.text == "" && e.user.sumsAreOurs()); err != nil {
			return err
		}
	}
	return nil
}

// become replaces a file in one step, or removes it.
func (f file) become(text string, gone bool) error {
	if gone {
		return os.Remove(f.name)
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.name), ".fork-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err := errors.Join(err, tmp.Chmod(f.mode), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.name)
}
