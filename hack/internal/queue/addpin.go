package queue

import (
	"context"
	"fmt"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// AddPin pins a further tag of a minor that has a queue, after the queue has been found to apply to
// it as it is. The error is a *ConflictError when it does not; nothing is changed then.
func AddPin(ctx context.Context, co *checkout.Checkout, tag string) (pins.Tag, error) {
	ctx, unlock, p, err := open(ctx, co)
	if err != nil {
		return pins.Tag{}, err
	}
	defer unlock()
	if err := pins.CheckTag(tag); err != nil {
		return pins.Tag{}, err
	}
	minor := pins.MinorOf(tag)
	in, err := readInputs(co.Root, minor)
	if err != nil {
		return pins.Tag{}, err
	}
	if len(in.patches()) == 0 {
		_, err := p.Lookup(tag)
		return pins.Tag{}, fmt.Errorf("patches/%s holds no patch to apply: %w", minor, err)
	}
	rel, pin, err := release(ctx, co, p, tag)
	if err != nil {
		return pin, err
	}
	dir, remove, err := aside(co)
	if err != nil {
		return pin, err
	}
	defer remove()
	if _, err := lay(ctx, co, rel, in, dir); err != nil {
		return pin, fmt.Errorf("%s was not pinned: %w", tag, err)
	}
	p.Add(pin)
	return pin, p.Save(co.Pins())
}
