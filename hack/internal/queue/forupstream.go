package queue

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// UpstreamSeries is what ForUpstream has written: Path/apiserver and Path/kubernetes hold the same
// commits with the paths of the one repository and of the other, Path/README.md says how to take them.
type UpstreamSeries struct {
	Tag string `json:"tag"`
	// Path is the directory, absolute.
	Path string `json:"path"`
	// Module is upstream's module, Staging where kubernetes/kubernetes has it.
	Module  string `json:"module"`
	Staging string `json:"staging"`
	// KeepCR says that git am needs --keep-cr: a patch has lines that end in CR LF.
	KeepCR  bool             `json:"keepCR"`
	Commits []UpstreamCommit `json:"commits"`
	// Checked says that each commit was built, vetted and tested.
	Checked bool `json:"checked"`
}

// UpstreamCommit is one commit of an UpstreamSeries.
type UpstreamCommit struct {
	// File is the patch's name, the same below apiserver and kubernetes.
	File    string `json:"file"`
	Subject string `json:"subject"`
	// ReleaseNote is NONE when nobody has to be told.
	ReleaseNote string `json:"releaseNote"`
	// From is where it comes from, below the checkout: a patch, or a directory of pkg/.
	From string `json:"from"`
	// Independent says that it applies to the pristine tag with nothing before it but Needs.
	Independent bool `json:"independent"`
	// Needs are the files of the commits that add what it imports.
	Needs []string `json:"needs,omitempty"`

	message string
	patch   string   // the patch's path below the checkout, or ""
	pkg     []string // the files that it adds to pkg/
}

// ForUpstream writes the series for upstream, of pkg/ and patches/ as they are on disk, to
// _output/export/TAG, in place of an earlier one: fixes that are independent first, then the rest in
// the order of patches/, each package of pkg/ in a commit before the first that imports it. An empty
// tag means the newest pinned one. What is written has been applied with git am to a pristine tree
// of both shapes and makes the fork's tree; and each independent fix to a pristine tree, alone. With
// check, each commit has also been built, vetted and tested, by itself. The same pkg/ and patches/
// give the same bytes everywhere.
func ForUpstream(ctx context.Context, co *checkout.Checkout, tag string, check bool) (*UpstreamSeries, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return nil, err
	}
	in, err := readInputs(co.Root, pins.MinorOf(pin.Tag))
	if err != nil {
		return nil, err
	}
	if len(in.patches()) == 0 {
		return nil, fmt.Errorf("patches/%s holds no patch: there is nothing to export", in.minor)
	}
	out := filepath.Join(co.Output(), "export", pin.Tag)
	if err := replaceable(co, out); err != nil {
		return nil, err
	}
	if c, err := inspect(ctx, co, pin.Tag); err == nil && c.expressed(co, pin.Tag) != nil {
		fmt.Fprintf(co.Err, "note: %s holds work that is not in pkg/ or patches/, and is not exported; to have it: make refresh TAG=%s\n", co.Rel(co.Tree(pin.Tag)), pin.Tag)
	}
	rel, err := upstream.Fetch(ctx, co, p.Module, pin.Tag)
	if err != nil {
		return nil, err
	}
	if err := rel.Check(pin.Sum); err != nil {
		return nil, err
	}
	// The same path in each run, by which the build cache knows what has been built and tested.
	dir := filepath.Join(co.Trees(), newPrefix+"export-"+pin.Tag)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	w := &upstreamWriter{
		co: co, in: in, rel: rel, consumer: p.Consumer, pin: pin, aside: dir,
		series: &UpstreamSeries{Tag: pin.Tag, Path: out, Module: p.Module, Staging: path.Join("staging/src", p.Module), Checked: check},
	}
	if err := w.write(ctx); err != nil {
		return nil, err
	}
	if err := w.verify(ctx, check); err != nil {
		return nil, err
	}
	if err := replaceable(co, out); err != nil { // a check takes long
		return nil, err
	}
	return w.series, w.place(out)
}

// upstreamWriter makes one series. It belongs to one goroutine.
type upstreamWriter struct {
	co       *checkout.Checkout
	in       inputs
	rel      *upstream.Release
	pin      pins.Tag
	consumer string // the module of kubernetes/kubernetes, or ""
	aside    string // a directory to work in
	series   *UpstreamSeries
	tree     string // the fork's tree, git's ID
}

func (w *upstreamWriter) product() string { return filepath.Join(w.aside, "product") }

// shape is one of the two repositories that the series is for.
type shape struct {
	// name is the directory of its patches, root where the module is in it ("" for everywhere).
	name, root string
}

func (w *upstreamWriter) shapes() []shape {
	return []shape{{"apiserver", ""}, {"kubernetes", w.series.Staging}}
}

// subdir makes a directory in w.aside.
func (w *upstreamWriter) subdir(name string) (string, error) {
	dir := filepath.Join(w.aside, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// write makes the commits in a fresh tree and the files from them.
func (w *upstreamWriter) write(ctx context.Context) error {
	dir, err := w.subdir("tree")
	if err != nil {
		return err
	}
	repo, err := lay(ctx, w.co, w.rel, w.in, dir)
	if err != nil {
		return err
	}
	if w.tree, err = repo.Run(ctx, "rev-parse", "HEAD^{tree}"); err != nil {
		return err
	}
	if err := w.plan(ctx, repo); err != nil {
		return err
	}
	if err := w.commit(ctx, repo); err != nil {
		return err
	}
	for _, s := range w.shapes() {
		if err := w.format(ctx, repo, s); err != nil {
			return err
		}
	}
	return atomicWrite(filepath.Join(w.product(), coverFile), []byte(w.series.cover()))
}

// plan lists the commits, in order.
func (w *upstreamWriter) plan(ctx context.Context, repo git.Repo) error {
	messages, err := logMessages(ctx, repo, refPkg+"..HEAD")
	if err != nil {
		return err
	}
	patches := w.in.patches()
	if len(messages) != len(patches) {
		return fmt.Errorf("patches/%s makes %d commits of %d patches; next: make verify TAG=%s", w.in.minor, len(messages), len(patches), w.pin.Tag)
	}
	var first, rest []UpstreamCommit
	for i, name := range patches {
		h, broken := parseHeader(messages[i])
		if broken = append(broken, h.lintUpstream()...); len(broken) > 0 {
			return fmt.Errorf("%s: %s; next: make verify TAG=%s", name, broken[0], w.pin.Tag)
		}
		c := UpstreamCommit{
			Subject: h.upstreamSubject(), ReleaseNote: h.releaseNote(), From: name, Independent: h.independent(),
			message: h.upstreamMessage(), patch: name,
		}
		if c.Independent {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	packages := w.packages(repo)
	for _, c := range append(first, rest...) {
		needs, err := w.needs(c, packages)
		if err != nil {
			return err
		}
		for _, dir := range needs {
			if !slices.ContainsFunc(w.series.Commits, func(c UpstreamCommit) bool { return c.From == dir }) {
				w.series.Commits = append(w.series.Commits, w.packageCommit(dir, packages[dir], c.Independent))
			}
		}
		c.Needs = needs // directories, until there are files
		w.series.Commits = append(w.series.Commits, c)
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) { // that no patch imports
		if !slices.ContainsFunc(w.series.Commits, func(c UpstreamCommit) bool { return c.From == dir }) {
			w.series.Commits = append(w.series.Commits, w.packageCommit(dir, packages[dir], false))
		}
	}
	return nil
}

// packages groups the files of pkg/ by the directory of the package that they belong to.
func (w *upstreamWriter) packages(repo git.Repo) map[string][]string {
	packages := map[string][]string{}
	for _, name := range w.in.pkg() {
		dir := packageDir(repo, path.Dir(name))
		packages[dir] = append(packages[dir], name)
	}
	return packages
}

// needs lists the directories of pkg/ that a patch imports or has files in.
func (w *upstreamWriter) needs(c UpstreamCommit, packages map[string][]string) (needs []string, err error) {
	data, err := os.ReadFile(w.in.file(c.patch))
	if err != nil {
		return nil, err
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		for line := range strings.Lines(string(data)) {
			imports := strings.HasPrefix(line, "+") && strings.Contains(line, `"`+path.Join(w.series.Module, dir)+`"`)
			if imports || strings.HasPrefix(line, "+++ b/"+dir+"/") && path.Dir(strings.TrimSpace(line[len("+++ b/"):])) == dir {
				needs = append(needs, dir)
				break
			}
		}
	}
	return needs, nil
}

// packageCommit is the commit that adds a package. Its message is the package's own documentation.
func (w *upstreamWriter) packageCommit(dir string, files []string, independent bool) UpstreamCommit {
	subject := fmt.Sprintf("%s: add %s", path.Base(w.series.Module), dir)
	return UpstreamCommit{
		Subject: subject, ReleaseNote: noNote, From: dir, Independent: independent,
		message: upstreamMessage(subject, w.packageDoc(files), "", noNote, !independent),
		pkg:     files,
	}
}

// packageDoc is the package's documentation, or "".
func (w *upstreamWriter) packageDoc(files []string) string {
	for _, name := range files {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), w.in.file(name), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err == nil && f.Doc != nil {
			return wrap(f.Doc.Text(), "")
		}
	}
	return ""
}

// commit makes the commits on top of the pristine tag, and finds the last one to be the fork's tree.
func (w *upstreamWriter) commit(ctx context.Context, repo git.Repo) error {
	if _, err := repo.Run(ctx, "checkout", "--quiet", "--detach", refBase); err != nil {
		return err
	}
	for _, c := range w.series.Commits {
		var err error
		if c.patch != "" {
			_, err = repo.Run(ctx, "apply", "--index", "--whitespace=nowarn", w.in.file(c.patch))
		} else {
			_, err = repo.Run(ctx, append([]string{"checkout", "--quiet", refPkg, "--"}, c.pkg...)...)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s does not apply where the series for upstream has it: the fixes with %s: yes come first\n"+
				"next: make tree TAG=%s, and there move it to the front or take that field from it, then make refresh TAG=%[3]s\n%[4]w", c.From, fieldIndependent, w.pin.Tag, err)
		}
		if _, err := repo.Feed(ctx, c.message, "commit", "--quiet", "--no-verify", "--cleanup=verbatim", "--file=-"); err != nil {
			return err
		}
	}
	got, err := repo.Run(ctx, "rev-parse", "HEAD^{tree}")
	if err == nil && got != w.tree {
		err = fmt.Errorf("the series for upstream makes another tree (%.12s) than patches/%s does (%.12s): the order of the fixes with %s: yes matters\nnext: make tree TAG=%s, move them to the front there, make refresh TAG=%[5]s", got, w.in.minor, w.tree, fieldIndependent, w.pin.Tag)
	}
	return err
}

// format writes the patches of one shape and notes their names.
func (w *upstreamWriter) format(ctx context.Context, repo git.Repo, s shape) error {
	dir := filepath.Join(w.product(), s.name)
	prefix := s.root
	if prefix != "" {
		prefix += "/"
	}
	// Upstream's git may have moved on: more context than in patches/, and whole IDs, for git am -3.
	args := append(slices.Clone(formatPatch), "--output-directory", dir, "--numbered", "--unified=3", "--full-index",
		"--src-prefix=a/"+prefix, "--dst-prefix=b/"+prefix, refBase+"..HEAD")
	names, err := repo.Lines(ctx, "\n", args...)
	if err != nil {
		return err
	}
	if len(names) != len(w.series.Commits) {
		return fmt.Errorf("git format-patch made %d patches of %d commits", len(names), len(w.series.Commits))
	}
	files := map[string]string{}
	for i, name := range names {
		c := &w.series.Commits[i]
		c.File = filepath.Base(name)
		files[c.From] = c.File
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		w.series.KeepCR = w.series.KeepCR || strings.Contains(string(data), "\r\n")
	}
	for i := range w.series.Commits {
		for j, need := range w.series.Commits[i].Needs {
			if file := files[need]; file != "" {
				w.series.Commits[i].Needs[j] = file
			}
		}
	}
	return nil
}

// place makes the product what is in out.
func (w *upstreamWriter) place(out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	if err := os.Rename(out, filepath.Join(w.aside, "old")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Rename(w.product(), out)
}

// replaceable finds nothing in out but what an export writes.
func replaceable(co *checkout.Checkout, out string) error {
	var strange []string
	err := filepath.WalkDir(out, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(out, name)
		if ok, _ := path.Match("[0-9][0-9][0-9][0-9]-*.patch", d.Name()); !d.IsDir() && !ok && rel != coverFile {
			strange = append(strange, rel)
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err == nil && len(strange) > 0 {
		err = fmt.Errorf("%s holds what no export has written; move it away and repeat:%s", co.Rel(out), few(strange))
	}
	return err
}
