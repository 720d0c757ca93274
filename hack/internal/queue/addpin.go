package queue

import (
	"context"
	"fmt"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// AddedPin is what AddPin has done.
type AddedPin struct {
	pins.Tag
	// New is whether the pin is new, or says more than before.
	New bool `json:"new"`
}

// AddPin pins a further tag of a minor that has a queue, after the queue has been found to apply to
// it as it is, and what it requires of its own release to be there. For a tag that is pinned without
// a consumer it looks for that again. The error is a *ConflictError when the queue does not apply;
// nothing is changed then.
func AddPin(ctx context.Context, co *checkout.Checkout, tag string) (*AddedPin, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := pins.CheckTag(tag); err != nil {
		return nil, err
	}
	minor := pins.MinorOf(tag)
	in, err := readInputs(co.Root, minor)
	if err != nil {
		return nil, err
	}
	if len(in.patches()) == 0 {
		_, err := p.Lookup(tag)
		return nil, fmt.Errorf("patches/%s holds no patch to apply: %w", minor, err)
	}
	rel, pin, err := release(ctx, co, p, tag)
	if err != nil {
		return nil, err
	}
	known, notKnown := p.Lookup(tag)
	if notKnown == nil && known.Consumer == "" {
		if err := lookForConsumer(ctx, co, p, &pin); err != nil {
			return nil, err
		}
	}
	dir, remove, err := aside(co)
	if err != nil {
		return nil, err
	}
	defer remove()
	tree, err := lay(ctx, co, rel, in, dir)
	if err == nil {
		_, _, err = releasedWith(ctx, co, tree)
	}
	switch {
	case err == nil:
	case notKnown == nil:
		return nil, fmt.Errorf("%s is pinned, but: %w", tag, err)
	default:
		return nil, fmt.Errorf("%s was not pinned: %w", tag, err)
	}
	p.Add(pin)
	return &AddedPin{Tag: pin, New: pin != known}, p.Save(co.Pins())
}
