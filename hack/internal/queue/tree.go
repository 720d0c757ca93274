package queue

import (
	"context"
	"errors"
	"fmt"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/upstream"
)

// TreeInfo is a tree that is in place.
type TreeInfo struct {
	Tag string `json:"tag"`
	// Path is the tree's directory, absolute.
	Path string `json:"path"`
	// Base is the commit of the pristine tag, Head that of HEAD.
	Base string `json:"base"`
	Head string `json:"head"`
	// Patches is the number of commits on top of the pristine tag and pkg/'s files.
	Patches int `json:"patches"`
	// UpToDate says that the tree was there already.
	UpToDate bool `json:"upToDate"`
	// Dirty says that the tree holds edits or commits that are not in pkg/ or patches/.
	Dirty bool `json:"dirty"`
}

// Tree sees to it that tag's tree is in place and says what pkg/ and patches/ say. An empty tag
// means the newest pinned one. A tree that holds anything else is left alone: *InTheWayError. After
// a patch that does not apply, *ConflictError, the tree is in place in git's am state.
func Tree(ctx context.Context, co *checkout.Checkout, tag string) (*TreeInfo, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return nil, err
	}
	c, err := inspect(ctx, co, pin.Tag)
	if err != nil {
		return nil, err
	}
	if err := c.expressed(co, pin.Tag); err != nil {
		return nil, err
	}
	in, err := readInputs(co.Root, pins.MinorOf(pin.Tag))
	if err != nil {
		return nil, err
	}
	if c.exists && c.state.Complete && c.state.Format == format && c.state.Inputs == in.hash(pin.Tag, pin.Sum) && c.head == c.known {
		info, err := describe(ctx, co, pin.Tag)
		if err == nil {
			info.UpToDate = true
		}
		return info, err
	}
	rel, err := upstream.Fetch(ctx, co, p.Module, pin.Tag)
	if err != nil {
		return nil, err
	}
	if err := rel.Check(pin.Sum); err != nil {
		return nil, err
	}
	if len(in.patches()) == 0 {
		fmt.Fprintf(co.Err, "warning: patches/%s holds no patch\n", in.minor)
	}
	dir, remove, err := aside(co)
	if err != nil {
		return nil, err
	}
	defer remove()
	_, err = lay(ctx, co, rel, in, dir)
	var conflict *ConflictError
	if err != nil && !errors.As(err, &conflict) {
		return nil, err
	}
	if err := place(ctx, co, dir, pin.Tag, c); err != nil {
		return nil, err
	}
	if conflict != nil {
		conflict.Tree = co.Rel(co.Tree(pin.Tag))
		return nil, conflict
	}
	return describe(ctx, co, pin.Tag)
}

// Describe says what is in tag's tree, whatever its condition. It changes nothing.
func Describe(ctx context.Context, co *checkout.Checkout, tag string) (*TreeInfo, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pin, err := p.Lookup(tag)
	if err != nil {
		return nil, err
	}
	return describe(ctx, co, pin.Tag)
}

func describe(ctx context.Context, co *checkout.Checkout, tag string) (*TreeInfo, error) {
	c, err := inspect(ctx, co, tag)
	if err != nil {
		return nil, err
	}
	if !c.ours {
		return nil, fmt.Errorf("there is no tree of %s; next: make tree TAG=%s", tag, tag)
	}
	repo := git.At(co, co.Tree(tag))
	info := &TreeInfo{Tag: tag, Path: repo.Dir, Head: c.head, Dirty: len(c.edits) > 0 || c.head != c.known || c.operation != ""}
	if info.Base, err = repo.Run(ctx, "rev-parse", refBase); err != nil {
		return nil, err
	}
	count, err := repo.Run(ctx, "rev-list", "--count", "HEAD", "^"+refPkg)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Sscan(count, &info.Patches)
	return info, err
}
