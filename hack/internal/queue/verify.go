package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proc"
	"fork.internal/apiserver/hack/internal/readme"
	"fork.internal/apiserver/hack/internal/upstream"
)

// Check is one thing that Verify has looked at.
type Check struct {
	// Tag is the tag that was looked at, or "checkout".
	Tag  string `json:"tag"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Skipped is why the check was not made; OK is true then.
	Skipped string `json:"skipped,omitempty"`
	// Detail is what is wrong, and what to do about it.
	Detail string `json:"detail,omitempty"`
	// Warnings are pieces of advice; they fail nothing.
	Warnings []string `json:"warnings,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// verifier collects checks. It belongs to one goroutine.
type verifier struct {
	co     *checkout.Checkout
	pins   *pins.Pins
	report func(Check)
	failed int
	total  int
}

// Verify makes every check on tag, or on the newest tag of each minor when tag is empty, and on the
// checkout, and hands each result to report as it comes. The error says how many failed.
func Verify(ctx context.Context, co *checkout.Checkout, tag string, report func(Check)) error {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return err
	}
	defer unlock()
	tags := p.Newest()
	if tag != "" {
		pin, err := p.Lookup(tag)
		if err != nil {
			return err
		}
		tags = []pins.Tag{pin}
	}
	v := &verifier{co: co, pins: p, report: report}
	v.checkout(ctx)
	for _, pin := range tags {
		if err := v.tag(ctx, pin); err != nil {
			return err
		}
	}
	return v.result(ctx)
}

// VerifyBuild makes the checks that two tags of one minor can differ in: that the pin is right, the
// patches apply as they are, and the packages that they touch build. It is Verify otherwise.
func VerifyBuild(ctx context.Context, co *checkout.Checkout, tag string, report func(Check)) error {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return err
	}
	v := &verifier{co: co, pins: p, report: report}
	if _, ok := v.pin(ctx, pin); !ok {
		return v.result(ctx)
	}
	var tree git.Repo
	if v.do(ctx, tag, "patches apply without fuzz", func() ([]string, error) {
		info, err := Tree(ctx, co, tag)
		if err == nil {
			tree = git.At(co, info.Path)
		}
		return nil, err
	}) {
		v.do(ctx, tag, chainCheck, func() ([]string, error) { return nil, checkChain(ctx, co, tree, tag) })
		v.do(ctx, tag, "touched packages build", func() ([]string, error) {
			dirs, err := touched(ctx, tree, refBase)
			if err != nil || len(dirs) == 0 {
				return nil, err
			}
			return nil, buildAtOnePath(ctx, co, tree, dirs)
		})
	}
	return v.result(ctx)
}

// result is the error of all checks.
func (v *verifier) result(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if v.failed > 0 {
		return fmt.Errorf("%d of %d checks failed", v.failed, v.total)
	}
	return nil
}

// do makes one check; an errSkip is not a failure.
func (v *verifier) do(ctx context.Context, tag, name string, check func() (warnings []string, err error)) bool {
	if ctx.Err() != nil {
		return false
	}
	start := time.Now()
	warnings, err := check()
	if ctx.Err() != nil {
		return false
	}
	c := Check{Tag: tag, Name: name, OK: err == nil, Warnings: warnings, Seconds: time.Since(start).Round(time.Millisecond).Seconds()}
	var skip errSkip
	if errors.As(err, &skip) {
		c.OK, c.Skipped = true, string(skip)
	} else if err != nil {
		c.Detail = err.Error()
		v.failed++
	}
	v.total++
	v.report(c)
	return c.OK
}

// errSkip is why a check does not apply.
type errSkip string

func (e errSkip) Error() string { return string(e) }

// checkout checks what does not depend on a tag.
func (v *verifier) checkout(ctx context.Context) {
	const scope = "checkout"
	hasPackages := false
	if in, err := readInputs(v.co.Root, ""); err == nil {
		for _, name := range in.pkg() {
			hasPackages = hasPackages || strings.HasSuffix(name, ".go")
		}
	}
	none := errSkip("pkg/ holds no Go file")
	v.do(ctx, scope, "pkg/ stands alone", func() ([]string, error) {
		if !hasPackages {
			return nil, none
		}
		out, err := gotool.Run(ctx, v.co, v.co.Root, nil, "list", "-f", `{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}
{{end}}{{range .TestImports}}{{$p}} {{.}}
{{end}}{{range .XTestImports}}{{$p}} {{.}}
{{end}}`, "./pkg/...")
		if err != nil {
			return nil, err
		}
		var wrong []string
		for line := range strings.Lines(out) {
			from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
			if (to == checkout.Module || strings.HasPrefix(to, checkout.Module+"/")) && to != from {
				wrong = append(wrong, from+" imports "+to)
			}
		}
		if len(wrong) > 0 {
			return nil, errors.New("a package below pkg/ is copied to another module, where these do not exist:" + few(wrong))
		}
		return nil, nil
	})
	v.do(ctx, scope, "pkg/ is gofmt-clean", func() ([]string, error) {
		if !hasPackages {
			return nil, none
		}
		return nil, gofmt(ctx, v.co, v.co.Root, []string{"pkg"})
	})
	v.do(ctx, scope, "README.md lists the pins", func() ([]string, error) { return nil, readme.Check(v.co, v.pins) })
	v.do(ctx, scope, "pkg/ vets", func() ([]string, error) {
		if !hasPackages {
			return nil, none
		}
		_, err := gotool.Run(ctx, v.co, v.co.Root, nil, "vet", "./pkg/...")
		return nil, err
	})
}

// tag makes the checks of one tag. The error is one that makes the others pointless.
func (v *verifier) tag(ctx context.Context, pin pins.Tag) error {
	tag, minor := pin.Tag, pins.MinorOf(pin.Tag)
	rel, ok := v.pin(ctx, pin)
	if !ok {
		return nil
	}
	in, err := readInputs(v.co.Root, minor)
	if err != nil {
		return err
	}
	dir, remove, err := aside(v.co)
	if err != nil {
		return err
	}
	defer remove()
	var fresh git.Repo
	if !v.do(ctx, tag, "patches apply without fuzz", func() (_ []string, err error) {
		if len(in.patches()) == 0 {
			return nil, fmt.Errorf("patches/%s holds no patch", minor)
		}
		fresh, err = lay(ctx, v.co, rel, in, dir)
		return nil, err
	}) {
		return nil
	}
	where := fresh
	v.do(ctx, tag, "tree is the same each time", func() ([]string, error) {
		info, err := Tree(ctx, v.co, tag)
		if err != nil {
			return nil, err
		}
		head, err := fresh.Run(ctx, "rev-parse", "HEAD")
		if err == nil && head != info.Head {
			err = fmt.Errorf("made anew it is %s, in %s it is %s; next: rm -rf %[2]s, make tree TAG=%[4]s", head, v.co.Rel(info.Path), info.Head, tag)
		}
		if err == nil {
			where = git.At(v.co, info.Path) // a path that stays, for the Go build cache
		}
		return nil, err
	})
	v.do(ctx, tag, chainCheck, func() ([]string, error) { return nil, checkChain(ctx, v.co, where, tag) })
	v.do(ctx, tag, signaturesCheck, func() ([]string, error) { return nil, checkSignatures(ctx, where) })
	newest := v.pins.NewestOf(minor)
	v.do(ctx, tag, "refresh changes nothing", func() ([]string, error) {
		if newest != tag {
			return nil, errSkip(fmt.Sprintf("patches/%s is written against %s", minor, newest))
		}
		stage, remove, err := aside(v.co)
		if err != nil {
			return nil, err
		}
		defer remove()
		out, err := exportTree(ctx, fresh, minor, stage)
		if err != nil {
			return nil, err
		}
		before, after, err := reformed(ctx, v.co, v.pins, fresh, out, edited)
		if err != nil {
			return nil, err
		}
		if out.inputs, err = staged(stage, after, minor); err != nil {
			return nil, err
		}
		disk := in
		disk.sums, out.sums = whole(in, before.read), whole(out.inputs, after.files())
		if diff := differing(disk, out.inputs); len(diff) > 0 {
			return nil, fmt.Errorf("it would change:%s\nnext: make tree TAG=%s && make refresh TAG=%[2]s", few(diff), tag)
		}
		return nil, nil
	})
	v.do(ctx, tag, carriedCheck, func() ([]string, error) {
		if newest != tag {
			return nil, errSkip("checked with " + newest)
		}
		return checkCarried(ctx, v.co, fresh, minor)
	})
	v.do(ctx, tag, "patches are well formed", func() ([]string, error) {
		if newest != tag {
			return nil, errSkip("checked with " + newest)
		}
		findings, err := lintTree(ctx, fresh, in)
		return lintError(findings, err)
	})
	return v.goChecks(ctx, tag, where)
}

// pin checks that upstream's release is the pinned one.
func (v *verifier) pin(ctx context.Context, pin pins.Tag) (rel *upstream.Release, ok bool) {
	ok = v.do(ctx, pin.Tag, "pin matches", func() (_ []string, err error) {
		if rel, err = upstream.Fetch(ctx, v.co, v.pins.Module, pin.Tag); err != nil {
			return nil, err
		}
		return nil, rel.Check(pin.Sum)
	})
	return rel, ok
}

// packages are dirs, which are below a module's root, as the go command wants them there.
func packages(dirs []string) []string {
	args := make([]string, len(dirs))
	for i, dir := range dirs {
		args[i] = "./" + dir
	}
	return args
}

// lintError parts the findings into warnings and one error, with a valid example for a header.
func lintError(findings []Finding, err error) (warnings []string, _ error) {
	var wrong []string
	for _, f := range findings {
		if f.Warning {
			warnings = append(warnings, f.String())
		} else {
			wrong = append(wrong, f.String())
		}
	}
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("these break a rule:%s\na valid header is:\n\n    %s", few(wrong), strings.TrimSpace(strings.ReplaceAll(Example, "\n", "\n    ")))
	}
	return warnings, err
}

// goChecks checks the packages that the fork touches with Go's own tools.
func (v *verifier) goChecks(ctx context.Context, tag string, repo git.Repo) error {
	dirs, err := touched(ctx, repo, refBase)
	if err != nil {
		return err
	}
	none := errSkip("no package is touched")
	v.do(ctx, tag, "touched packages are gofmt-clean", func() ([]string, error) {
		if len(dirs) == 0 {
			return nil, none
		}
		var files []string
		for _, dir := range dirs {
			for _, name := range goFiles(filepath.Join(repo.Dir, dir)) {
				files = append(files, filepath.Join(dir, name))
			}
		}
		return nil, gofmt(ctx, v.co, repo.Dir, files)
	})
	v.do(ctx, tag, "tree builds", func() ([]string, error) {
		if len(dirs) == 0 {
			return nil, none
		}
		_, err := gotool.Run(ctx, v.co, repo.Dir, nil, "build", "./...")
		return nil, err
	})
	v.do(ctx, tag, "touched packages vet", func() ([]string, error) {
		if len(dirs) == 0 {
			return nil, none
		}
		_, err := gotool.Run(ctx, v.co, repo.Dir, nil, append([]string{"vet"}, packages(dirs)...)...)
		return nil, err
	})
	return nil
}

// gofmt fails with the list of the files or directories below dir that gofmt would change.
func gofmt(ctx context.Context, co *checkout.Checkout, dir string, names []string) error {
	root, err := gotool.Run(ctx, co, co.Root, nil, "env", "GOROOT")
	if err != nil {
		return err
	}
	program := filepath.Join(strings.TrimSpace(root), "bin", "gofmt")
	if _, err := os.Stat(program); err != nil {
		program = "gofmt"
	}
	out, err := proc.Cmd{Args: append([]string{program, "-l"}, names...), Dir: dir, Env: co.Environ()}.Output(ctx)
	if err == nil && out != "" {
		err = errors.New("gofmt -w would change:" + few(strings.Split(strings.TrimSpace(out), "\n")))
	}
	return err
}
