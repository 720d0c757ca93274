package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
)

// unfinished is the file that is there from before the first step towards a new tag until
// FinishNewTag, so that a run that ends in between can be gone on with.
func unfinished(co *checkout.Checkout, tag string) string {
	return filepath.Join(co.Output(), "rebase", tag+".json")
}

// NewTag is Rebase to a tag that has no pin, from the one that is nearest to it (pins.BaseFor). It
// goes on with what an earlier NewTag has left: after a conflict (*RebaseConflictError) that has been
// resolved it does the rest, and what has been carried and not been finished with FinishNewTag it
// hands back with a nil Refresh. A tag that is pinned and finished is an error.
func NewTag(ctx context.Context, co *checkout.Checkout, to string) (*RebaseInfo, error) {
	if to == "" {
		return nil, errNoTag
	}
	if err := pins.CheckTag(to); err != nil {
		return nil, err
	}
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	c, err := inspect(ctx, co, to)
	if err != nil {
		return nil, err
	}
	if c.ours && !c.state.Complete && c.state.From != "" && !c.aborted {
		return resume(ctx, co, p, c, to)
	}
	if _, err := p.Lookup(to); err == nil {
		return carried(co, p, to)
	}
	from, err := p.BaseFor(to)
	if err != nil {
		return nil, err
	}
	if err := begin(co, from.Tag, to); err != nil {
		return nil, err
	}
	fmt.Fprintf(co.Err, "%s: the nearest pinned tag is %s\n", to, from.Tag)
	info, err := Rebase(ctx, co, from.Tag, to)
	if err != nil && !errors.As(err, new(*RebaseConflictError)) {
		// Nothing was carried, or the tree says from where.
		return nil, errors.Join(err, FinishNewTag(co, to))
	}
	return info, thenAgain(err, to)
}

// FinishNewTag notes that nothing is left to be done for tag. It is no error when nothing was.
func FinishNewTag(co *checkout.Checkout, tag string) error {
	if err := os.Remove(unfinished(co, tag)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// resume does the rest of a rebase that had stopped, or says what it is waiting for.
func resume(ctx context.Context, co *checkout.Checkout, p *pins.Pins, c condition, to string) (*RebaseInfo, error) {
	repo := git.At(co, co.Tree(to))
	if c.operation == "rebase" {
		if err := describeStop(ctx, co, repo, c.state.From, to); errors.As(err, new(*RebaseConflictError)) {
			return nil, thenAgain(err, to)
		}
	}
	info := &RebaseInfo{From: c.state.From, Pinned: c.state.Pending != nil}
	if err := begin(co, info.From, to); err != nil {
		return nil, err
	}
	var err error
	if info.Refresh, err = refresh(ctx, co, p, to); err != nil {
		return nil, err
	}
	return info, nil
}

// carried is what is known of a tag that is pinned.
func carried(co *checkout.Checkout, p *pins.Pins, to string) (*RebaseInfo, error) {
	info := &RebaseInfo{}
	data, err := os.ReadFile(unfinished(co, to))
	if err == nil {
		err = json.Unmarshal(data, info)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return info, err
	}
	next := "make verify TAG=" + to
	if minor := pins.MinorOf(to); p.NewestOf(minor) == to {
		next += fmt.Sprintf("; to write patches/%s anew, from those of another tag: make rebase FROM=... TO=%s", minor, to)
	}
	return nil, fmt.Errorf("%s is pinned already; next: %s", to, next)
}

func begin(co *checkout.Checkout, from, to string) error {
	data, err := json.Marshal(RebaseInfo{From: from})
	if err != nil {
		return err
	}
	return atomicWrite(unfinished(co, to), append(data, '\n'))
}

// thenAgain has a conflict name the command that NewTag is behind as the one that does the rest.
func thenAgain(err error, to string) error {
	var stopped *RebaseConflictError
	if errors.As(err, &stopped) {
		stopped.Then = "make rebase TO=" + to
	}
	return err
}
