package demo

import (
	"context"
	"io"
)

// cancelingBody ends its request's context when the caller is done with the response, not before.
type cancelingBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelingBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
