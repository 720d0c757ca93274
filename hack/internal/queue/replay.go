package queue

import (
	"context"
	"errors"
	"fmt"
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

// The refs of a tree that Carry makes, beside a tree's.
const (
	refCarryBase    = "refs/fork/carry/base" // the last patch of the base
	refCarryBasePkg = "refs/fork/carry/pkg"  // what the base's patches stand on
	refCarryOwn     = "refs/fork/carry/own"  // the last of the minor's own
)

// replayer makes the commits of a minor anew, from the base's and from the minor's own. It belongs to one goroutine.
type replayer struct {
	co   *checkout.Checkout
	pins *pins.Pins
	pin  pins.Tag
	form *form // with the minor's patches in the order in which they are to be
	rel  *upstream.Release
	repo git.Repo
	base map[string]string // the commit of each of the base's patches
	old  []*form           // what has been read of past
	// commits are those of the checkout that past has still to read; nil before the first.
	commits []string
}

// replay has git put f's patches of pin's minor on its tag, with three-way merges: the base's as they are in the tree of
// newest, the minor's own as they were with, after it, what the base has changed since in what it stands in for.
func replay(ctx context.Context, co *checkout.Checkout, p *pins.Pins, newest string, pin pins.Tag, c condition, f *form) (*Carried, error) {
	rel, err := upstream.Fetch(ctx, co, p.Module, pin.Tag)
	if err != nil {
		return nil, err
	}
	if err := rel.Check(pin.Sum); err != nil {
		return nil, err
	}
	dir, remove, err := aside(co)
	if err != nil {
		return nil, err
	}
	defer remove()
	r := &replayer{co: co, pins: p, pin: pin, form: f, rel: rel}
	if r.repo, err = layBase(ctx, co, rel, dir); err != nil {
		return nil, err
	}
	now, err := readInputs(co.Root, pins.MinorOf(pin.Tag))
	if err != nil {
		return nil, err
	}
	if err := layPkg(ctx, r.repo, now); err != nil {
		return nil, err
	}
	if err := r.fetchBase(ctx, newest); err != nil {
		return nil, err
	}
	orders, err := r.orders(ctx)
	if err != nil {
		return nil, err
	}
	stopped := r.follow(ctx, orders)
	if stopped != nil && operation(dir) != "rebase" {
		return nil, stopped
	}
	known, err := r.repo.Run(ctx, "rev-parse", refPkg)
	if err != nil {
		return nil, err
	}
	if err := setRefs(ctx, r.repo, known, refHead); err != nil {
		return nil, err
	}
	s := state{Format: format, Tag: pin.Tag, Files: now.sums, Carry: true}
	if err := s.save(dir); err != nil {
		return nil, err
	}
	if err := place(ctx, co, dir, pin.Tag, c); err != nil {
		return nil, err
	}
	if stopped != nil {
		return nil, describeCarryStop(ctx, co, pin.Tag)
	}
	return finishCarry(ctx, co, p, pin.Tag)
}

// fetchBase gets the commits of the base's tree.
func (r *replayer) fetchBase(ctx context.Context, newest string) error {
	if _, err := r.repo.Run(ctx, "fetch", "--quiet", "--no-tags", r.co.Tree(newest), refHead+":"+refCarryBase, refPkg+":"+refCarryBasePkg); err != nil {
		return err
	}
	commits, err := r.repo.Lines(ctx, "\n", "rev-list", "--reverse", refCarryBasePkg+".."+refCarryBase)
	if err != nil {
		return err
	}
	entries := r.form.series[r.form.base()].Entries
	if len(commits) != len(entries) {
		return fmt.Errorf("%s has %d commits for the %d patches of patches/%s; next: make tree TAG=%s", r.co.Rel(r.co.Tree(newest)), len(commits), len(entries), r.form.base(), newest)
	}
	r.base = map[string]string{}
	for i, e := range entries {
		r.base[e.Path] = commits[i]
	}
	return nil
}

// orders is what git rebase is to do.
func (r *replayer) orders(ctx context.Context) ([]string, error) {
	own, err := r.ownCommits(ctx)
	if err != nil {
		return nil, err
	}
	minor := pins.MinorOf(r.pin.Tag)
	behind := r.form.behind(minor)
	var orders []string
	for _, e := range r.form.entries(minor) {
		if !r.form.series[minor].Own(e.Entry) {
			orders = append(orders, "pick "+r.base[e.Path])
			continue
		}
		commit := own[e.Path]
		if slices.Contains(behind, e.Entry) {
			old, err := r.oldPatch(ctx, e.Entry)
			if err != nil {
				return nil, err
			}
			if commit, err = r.withMessage(ctx, commit, e, old); err != nil {
				return nil, err
			}
			orders = append(orders, "pick "+commit)
			fix, err := r.difference(ctx, e, old)
			if err != nil {
				return nil, err
			}
			if fix != "" {
				orders = append(orders, "fixup "+fix)
			}
			continue
		}
		orders = append(orders, "pick "+commit)
	}
	return orders, nil
}

// follow has git rebase do orders on top of pkg/'s commit.
func (r *replayer) follow(ctx context.Context, orders []string) error {
	list := filepath.Join(r.repo.Dir, ".git", "fork-carry")
	if err := os.WriteFile(list, []byte(strings.Join(orders, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	_, err := r.repo.With("GIT_SEQUENCE_EDITOR=cp "+words([]string{list})).Run(ctx, "rebase", "--quiet", "--interactive", "--empty=drop",
		"--no-autosquash", "--no-gpg-sign", "--committer-date-is-author-date", "--onto", refPkg, refPkg, "main")
	return err
}

// ownCommits makes a commit of each patch of the minor's own: on the patches that it has been written on if they can be
// laid, as they are or as they were, and otherwise on the tag.
func (r *replayer) ownCommits(ctx context.Context) (map[string]string, error) {
	minor := pins.MinorOf(r.pin.Tag)
	var mine []named
	for _, e := range r.form.entries(minor) {
		if r.form.series[minor].Own(e.Entry) {
			mine = append(mine, e)
		}
	}
	if len(mine) == 0 {
		return nil, nil
	}
	disk, err := readForm(r.co.Root)
	if err != nil {
		return nil, err
	}
	own, failure := r.commitsOf(ctx, disk, mine)
	if failure == nil || !errors.As(failure, new(*ConflictError)) {
		return own, failure
	}
	for old := range r.past(ctx) {
		if own, err := r.commitsOf(ctx, old, mine); err == nil {
			return own, nil
		} else if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	own = map[string]string{}
	for _, e := range mine {
		tree, ok, err := applied(ctx, r.repo, refPkg, e.text)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("%w\nnext: make tree TAG=%s, which leaves it there for you to put right, and says how; then make carry", failure, r.pin.Tag)
		}
		if own[e.Path], err = r.commit(ctx, tree, refPkg, e.text); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// commitsOf lays the minor's patches as f has them, and finds the commits of mine, which are among them.
func (r *replayer) commitsOf(ctx context.Context, f *form, mine []named) (map[string]string, error) {
	minor := pins.MinorOf(r.pin.Tag)
	in, remove, err := f.inputs(r.co, minor)
	if err != nil {
		return nil, err
	}
	defer remove()
	at := map[string]int{}
	for _, e := range mine {
		i := slices.IndexFunc(f.entries(minor), func(o named) bool { return o.text == e.text })
		if i < 0 {
			return nil, fmt.Errorf("patches/%s was not there", e.Path)
		}
		at[e.Path] = i
	}
	repo, discard, err := layAside(ctx, r.co, r.pins, r.pin, in)
	if err != nil {
		return nil, err
	}
	defer discard()
	if _, err := r.repo.Run(ctx, "fetch", "--quiet", "--no-tags", "--force", repo.Dir, refHead+":"+refCarryOwn); err != nil {
		return nil, err
	}
	commits, err := repo.Lines(ctx, "\n", "rev-list", "--reverse", refPkg+"..HEAD")
	if err != nil {
		return nil, err
	}
	own := map[string]string{}
	for name, i := range at {
		if i >= len(commits) {
			return nil, fmt.Errorf("%d patches made %d commits", len(in.patches()), len(commits))
		}
		own[name] = commits[i]
	}
	return own, nil
}

// commit makes a commit with p's message.
func (r *replayer) commit(ctx context.Context, tree, parent string, p patch) (string, error) {
	message, err := p.message(ctx, r.repo)
	if err != nil {
		return "", err
	}
	return r.repo.Feed(ctx, message, "commit-tree", tree, "-p", parent)
}

// withMessage is commit, the one of e, with the message that the base's patch has now, if e's was that of the old one.
func (r *replayer) withMessage(ctx context.Context, commit string, e named, old patch) (string, error) {
	was, _ := old.cut()
	own, _ := e.text.cut()
	now, _ := r.form.texts[e.InPlaceOf].cut()
	if own == now {
		return commit, nil
	}
	if own != was {
		fmt.Fprintf(r.co.Err, "note: patches/%s keeps its own words; those of patches/%s may have changed\n", e.Path, e.InPlaceOf)
		return commit, nil
	}
	return r.commit(ctx, commit+"^{tree}", commit+"^", r.form.texts[e.InPlaceOf])
}

// difference is a commit that changes what the base's patch said, old, to what it says now; "" if that is the same.
func (r *replayer) difference(ctx context.Context, e named, old patch) (string, error) {
	now := r.base[e.InPlaceOf]
	tree, ok, err := applied(ctx, r.repo, now+"^", old)
	if err != nil {
		return "", err
	}
	if !ok {
		if tree, err = r.oldTree(ctx, e.AsOf); err != nil {
			return "", err
		}
		if tree == "" {
			return "", fmt.Errorf("what patches/%s said when patches/%s last took it in does not go on the patches before it now, so what has changed cannot be told\n"+
				"next: make the change by hand: make tree TAG=%s, git rebase -i %s in it, make refresh TAG=%[3]s; take \" as of %s\" out of patches/%s/series; then make carry",
				e.InPlaceOf, e.Path, r.pin.Tag, refBase, e.AsOf, pins.MinorOf(r.pin.Tag))
		}
	}
	if same, err := r.repo.Run(ctx, "rev-parse", now+"^{tree}"); err != nil || same == tree {
		return "", err
	}
	before, err := r.commit(ctx, tree, now+"^", r.form.texts[e.InPlaceOf])
	if err != nil {
		return "", err
	}
	return r.commit(ctx, now+"^{tree}", before, r.form.texts[e.InPlaceOf])
}

// oldTree is the tree of the base as it was, up to the patch with this stamp; "" if it cannot be made.
func (r *replayer) oldTree(ctx context.Context, stamp string) (string, error) {
	newest, err := r.pins.Lookup("")
	if err != nil {
		return "", err
	}
	for f := range r.past(ctx) {
		i := slices.IndexFunc(f.entries(f.base()), func(e named) bool { return e.text.stamp() == stamp })
		if i < 0 || f.base() != r.form.base() {
			continue
		}
		in, remove, err := f.inputs(r.co, f.base())
		if err != nil {
			return "", err
		}
		defer remove()
		repo, discard, err := layAside(ctx, r.co, r.pins, newest, in)
		if err != nil {
			return "", ctx.Err()
		}
		defer discard()
		commits, err := repo.Lines(ctx, "\n", "rev-list", "--reverse", refPkg+"..HEAD")
		if err != nil || i >= len(commits) {
			return "", err
		}
		if _, err := r.repo.Run(ctx, "fetch", "--quiet", "--no-tags", "--force", repo.Dir, refHead+":refs/fork/carry/old"); err != nil {
			return "", err
		}
		return r.repo.Run(ctx, "rev-parse", commits[i]+"^{tree}")
	}
	return "", nil
}

// describeCarryStop is the error of a Carry that git's rebase has stopped.
func describeCarryStop(ctx context.Context, co *checkout.Checkout, tag string) error {
	repo := git.At(co, co.Tree(tag))
	e := &CarryConflictError{Minor: pins.MinorOf(tag), Tag: tag, Tree: co.Rel(repo.Dir)}
	var err error
	if e.Files, err = repo.Lines(ctx, "\x00", "diff", "--name-only", "-z", "--diff-filter=U"); err != nil {
		return err
	}
	subject, err := repo.Run(ctx, "log", "-1", "--format=%s", "REBASE_HEAD")
	if err != nil {
		return err
	}
	f, err := readForm(co.Root)
	if err != nil {
		return err
	}
	for _, o := range f.entries(f.base()) {
		if o.text.subject() == subject {
			e.Patch = path.Join("patches", o.Path)
		}
	}
	for _, o := range f.entries(e.Minor) {
		if f.series[e.Minor].Own(o.Entry) && (o.text.subject() == subject || e.Patch != "" && path.Join("patches", o.InPlaceOf) == e.Patch) {
			e.InPlace = path.Join("patches", f.onDisk(e.Minor, o.Entry))
		}
	}
	if e.Patch == "" && e.InPlace == "" {
		e.InPlace = fmt.Sprintf("%q", subject)
	}
	return e
}
