package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// play plays the act of a request, if this is its place. The error is what the
// place reports.
func (c *cast) play(ctx context.Context, at place) error { return c.playFor(c.find(ctx), ctx, at) }

func (c *cast) playFor(x *randomRequest, ctx context.Context, at place) error {
	if x == nil || x.at != at {
		return nil
	}
	x.once.Do(func() {
		x.began.Store(time.Now().UnixNano())
		close(x.serving)
	})
	switch x.act {
	case fail:
		return x.failure()
	case honour:
		c.await(ctx)
		return ctx.Err()
	case tooLate:
		c.await(ctx)
		// About the time for which the boundary waits for the handler.
		time.Sleep(x.takes / 10)
	case slow:
		timer := time.NewTimer(x.takes)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	case ignore:
		time.Sleep(x.takes)
	case stick, partAndStick, allAndStick:
		c.stick()
	case stickAndFail:
		c.stick()
		return x.failure()
	case panics, partAndPanic:
		panic("as planned")
	case panicsLate:
		c.await(ctx)
		panic("as planned, after the context has ended")
	case partAndHonour, partAndLeave, allAndHonour:
		c.await(ctx)
	}
	return nil
}

// await waits until the context ends. A backend whose proxy went may not notice.
func (c *cast) await(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-c.released:
	}
}

// failure is an error of one of the kinds that there are.
func (x *randomRequest) failure() error {
	switch x.answer % 3 {
	case 0:
		return errors.New("as planned")
	case 1:
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, x.id, errors.New("as planned"))
	default:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, x.id)
	}
}

// stick returns when so many others are stuck as well, or the test is over.
func (c *cast) stick() {
	released := make(chan struct{})
	c.mu.Lock()
	if c.end {
		close(released)
	} else if c.stuck = append(c.stuck, released); len(c.stuck) > maxStuck {
		close(c.stuck[0])
		c.stuck = c.stuck[1:]
	}
	c.mu.Unlock()
	<-released
}

// release lets go of all that is stuck, and will be.
func (c *cast) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.end {
		close(c.released)
	}
	c.end = true
	for _, released := range c.stuck {
		close(released)
	}
	c.stuck = nil
}

// webhook plays the acts in admission.
type webhook struct{ cast *cast }

// Handles implements admission.Interface.
func (webhook) Handles(admission.Operation) bool { return true }

// Validate implements admission.ValidationInterface.
func (w webhook) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if err := w.cast.play(ctx, inAdmission); err != nil {
		return admission.NewForbidden(a, fmt.Errorf("failed calling webhook: %w", err))
	}
	return nil
}

// scripted is a handler that does with its response as it likes.
func (c *cast) scripted(w http.ResponseWriter, r *http.Request) {
	if x := c.find(r.Context()); x != nil {
		c.answer(x, w, r, inHandler)
	}
}

// answer answers a request as it was planned, if that is the place to do so.
func (c *cast) answer(x *randomRequest, w http.ResponseWriter, r *http.Request, at place) {
	// A backend that did not read would not notice that the proxy goes.
	if r.Body != nil && (x.gzip || at == inBackend) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	written := 0
	write := func(n int) {
		const chunk = 32 << 10
		for written < n {
			n, err := io.WriteString(w, noise[written:min(n, written+chunk)])
			written += n
			if err != nil {
				x.failed.Store(at == inHandler) // A backend's proxy goes its own way.
				return
			}
		}
		if x.flush {
			_ = http.NewResponseController(w).Flush()
		}
	}
	switch x.act {
	case partAndReturn, partAndHonour, partAndLeave, partAndStick, partAndPanic:
		write((x.answer + 1) / 2)
	case allAndHonour, allAndStick:
		w.Header().Set("Content-Length", strconv.Itoa(x.answer))
		write(x.answer)
	}
	if err := c.playFor(x, r.Context(), at); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch {
	case x.at != at:
		write(x.answer)
	case x.act == partAndLeave:
		x.quit.Store(true)
	case x.act != writeNothing:
		write(x.answer)
	}
	x.wrote.Store(int64(written))
}
