package pins

import (
	"context"

	"fork.internal/apiserver/hack/internal/checkout"
)

// Lock takes the checkout's lock, as its Lock does, and loads the pins, which nobody changes until
// the caller calls unlock.
func Lock(ctx context.Context, co *checkout.Checkout) (held context.Context, unlock func(), p *Pins, err error) {
	if held, unlock, err = co.Lock(ctx); err != nil {
		return nil, nil, nil, err
	}
	if p, err = Load(co.Pins()); err != nil {
		unlock()
		return nil, nil, nil, err
	}
	return held, unlock, p, nil
}
