package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// CarryConflictError is a change of the base that does not go into a minor by itself. The tree of Tag is in place in
// git's rebase state; a Carry after that has been finished goes on.
type CarryConflictError struct {
	Minor, Tag string
	// Patch is the base's patch that stopped it, below the checkout, and InPlace the minor's own in its place, if it
	// has one. Patch is empty for one that the minor alone has; InPlace is that one then.
	Patch, InPlace string
	// Files are the files in conflict; none is left when only git's rebase has to be gone on with.
	Files []string
	// Tree is the tree of Tag, below the checkout.
	Tree string
}

// Error names the minor, the patch and the files, and the next commands.
func (e *CarryConflictError) Error() string {
	what := e.Patch
	switch {
	case e.Patch == "":
		what = e.InPlace
	case e.InPlace != "":
		what = fmt.Sprintf("what %s says now, for %s in its place,", e.Patch, e.InPlace)
	}
	giveUp := fmt.Sprintf("To give up: rm -rf %s    (patches/%s stays as it is)", e.Tree, e.Minor)
	if len(e.Files) == 0 {
		return fmt.Sprintf("%s: %s is no longer in conflict; %s is in git's rebase state. To go on:\n  git -C %[3]s rebase --continue\n  make carry\n%[4]s",
			e.Tag, what, e.Tree, giveUp)
	}
	return fmt.Sprintf("%s does not go into %s by itself (%s); in conflict:%s\n%[5]s is in git's rebase state. To go on:\n"+
		"  edit the files\n  git -C %[5]s add %[6]s\n  git -C %[5]s rebase --continue    (or --skip, to have %[2]s go without it)\n  make carry\n%[7]s",
		what, e.Minor, e.Tag, few(e.Files), e.Tree, words(e.Files), giveUp)
}

// Carried is what Carry has done for a minor.
type Carried struct {
	Minor string `json:"minor"`
	// Tag is the minor's newest tag, which its patches have been laid on.
	Tag string `json:"tag"`
	// Changes are the files of the checkout that changed, each after A, M or D and a space.
	Changes []string `json:"changes"`
	// Series says where the minor's patches are.
	Series SeriesInfo `json:"series"`
	// Warnings are pieces of advice.
	Warnings []string `json:"warnings,omitempty"`
}

// Carry writes what the tree of the newest tag says, as Refresh does, and takes what has changed to all other minors.
// Each gets the base's patches, in the base's order, but for those that it has one of its own in place of, which get
// the same change, in git; what a minor alone has, it keeps. Then its tree is laid, on its newest tag. Each minor is
// handed to report when that is done. Where something does not fit, *CarryConflictError, the minors before are
// done, and the others are as they were. Repeated, it goes on.
func Carry(ctx context.Context, co *checkout.Checkout, report func(Carried)) error {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return err
	}
	defer unlock()
	newest, err := p.Lookup("")
	if err != nil {
		return err
	}
	if err := carryBase(ctx, co, p, newest.Tag, report); err != nil {
		return err
	}
	all := p.Newest()
	for i := len(all) - 2; i >= 0; i-- {
		done, err := carryTo(ctx, co, p, newest.Tag, all[i])
		if err != nil {
			return err
		}
		report(*done)
	}
	return os.RemoveAll(carryDir(co))
}

// carryBase brings the newest tag's tree and patches/ to say the same.
func carryBase(ctx context.Context, co *checkout.Checkout, p *pins.Pins, tag string, report func(Carried)) error {
	c, err := inspect(ctx, co, tag)
	if err != nil {
		return err
	}
	f, err := readForm(co.Root)
	if err != nil {
		return err
	}
	minor := pins.MinorOf(tag)
	if base := f.base(); base != minor && (base != "" || !c.exists) {
		return fmt.Errorf("patches/%s holds no patch to carry; next: make rebase FROM=... TO=%s", minor, tag)
	}
	if !c.exists || c.expressed(co, tag) == nil {
		if _, err := Tree(ctx, co, tag); err != nil {
			return err
		}
		if f.series[minor].Listed {
			report(Carried{Minor: minor, Tag: tag, Series: f.info(minor)})
			return nil
		}
	}
	info, err := refresh(ctx, co, p, tag)
	if err == nil {
		report(Carried{Minor: minor, Tag: tag, Changes: info.Changes, Series: info.Series, Warnings: info.Warnings})
	}
	return err
}

// carryTo has pin's minor, which is not the base, say what the base says.
func carryTo(ctx context.Context, co *checkout.Checkout, p *pins.Pins, newest string, pin pins.Tag) (*Carried, error) {
	minor := pins.MinorOf(pin.Tag)
	c, err := inspect(ctx, co, pin.Tag)
	if err != nil {
		return nil, err
	}
	if c.ours && c.state.Carry && (c.operation == "rebase" || c.head != c.known) {
		if c.operation == "rebase" {
			return nil, describeCarryStop(ctx, co, pin.Tag)
		}
		return finishCarry(ctx, co, p, pin.Tag)
	}
	if err := c.expressed(co, pin.Tag); err != nil {
		return nil, err
	}
	f, err := readForm(co.Root)
	if err != nil {
		return nil, err
	}
	current := f.series[minor].Listed
	f.series[minor] = f.listed(f.series[minor])
	before := f.series[minor]
	f.follow(minor, f.itself())
	current = current && sameSeries(before, f.series[minor])
	if len(f.behind(minor)) == 0 {
		done, laid, err := layAsItIs(ctx, co, p, pin, c, f)
		if err == nil && (!current || laid && len(done.Series.Own) > 0) {
			// What is its own names the files that it goes on, which may be others now.
			warnings := done.Warnings
			if done, err = finishCarry(ctx, co, p, pin.Tag); err == nil {
				done.Warnings = append(done.Warnings, warnings...)
			}
			return done, err
		}
		if err == nil || !errors.As(err, new(*ConflictError)) {
			return done, err
		}
	}
	return replay(ctx, co, p, newest, pin, c, f)
}

// layAsItIs sees to it that the tree of pin's tag is that of f's patches, which need nothing but to be shown to apply.
// laid is whether it was another before.
func layAsItIs(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag, c condition, f *form) (done *Carried, laid bool, err error) {
	minor := pins.MinorOf(pin.Tag)
	done = &Carried{Minor: minor, Tag: pin.Tag, Series: f.info(minor)}
	in, remove, err := f.inputs(co, minor)
	if err != nil {
		return nil, false, err
	}
	defer remove()
	if c.exists && c.state.Complete && c.state.Format == format && c.state.Inputs == in.hash(pin.Tag, pin.Sum) && c.head == c.known {
		return done, false, nil
	}
	repo, discard, err := layAside(ctx, co, p, pin, in)
	if err != nil {
		return nil, false, err
	}
	defer discard()
	if done.Warnings, err = f.strayed(ctx, co, repo, minor); err != nil {
		return nil, false, err
	}
	now, err := readInputs(co.Root, minor)
	if err != nil {
		return nil, false, err
	}
	s, _ := loadState(repo.Dir)
	s.Files = now.sums
	if err := s.save(repo.Dir); err != nil {
		return nil, false, err
	}
	return done, true, place(ctx, co, repo.Dir, pin.Tag, c)
}

// finishCarry writes what the tree says, which has taken in all that the base says.
func finishCarry(ctx context.Context, co *checkout.Checkout, p *pins.Pins, tag string) (*Carried, error) {
	s, _ := loadState(co.Tree(tag))
	s.Carry = true
	if err := s.save(co.Tree(tag)); err != nil {
		return nil, err
	}
	info, err := refresh(ctx, co, p, tag)
	if err != nil {
		return nil, err
	}
	done := &Carried{Minor: pins.MinorOf(tag), Tag: tag, Changes: info.Changes, Series: info.Series}
	for _, warning := range info.Warnings {
		if strings.HasPrefix(warning, "patches/"+done.Minor+"/") { // the base's have been said
			done.Warnings = append(done.Warnings, warning)
		}
	}
	return done, nil
}

// inputs is what makes a tree of the checkout's pkg/ and f's patches of minor, until remove.
func (f *form) inputs(co *checkout.Checkout, minor string) (in inputs, remove func(), err error) {
	if in, err = readInputs(co.Root, ""); err != nil {
		return in, nil, err
	}
	stage, remove, err := aside(co)
	if err != nil {
		return in, nil, err
	}
	var patches inputs
	if err = f.write(stage); err == nil {
		patches, err = readInputs(stage, minor)
	}
	if err != nil {
		remove()
		return in, nil, err
	}
	maps.Copy(in.sums, patches.sums)
	in.minor, in.order, in.patchRoot = minor, patches.order, stage
	return in, remove, nil
}

// layAside lays in on pin's tag beside the trees.
func layAside(ctx context.Context, co *checkout.Checkout, p *pins.Pins, pin pins.Tag, in inputs) (repo git.Repo, remove func(), err error) {
	rel, err := upstream.Fetch(ctx, co, p.Module, pin.Tag)
	if err != nil {
		return repo, nil, err
	}
	if err := rel.Check(pin.Sum); err != nil {
		return repo, nil, err
	}
	dir, remove, err := aside(co)
	if err != nil {
		return repo, nil, err
	}
	if repo, err = lay(ctx, co, rel, in, dir); err != nil {
		remove()
	}
	return repo, remove, err
}
