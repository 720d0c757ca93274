package main

import (
	"context"
	"net/http"
	"time"
)

func init() {
	register(Case{
		ID:    "D3",
		Title: "a goroutine that a handler left behind sets a deadline: the process dies, or the next request breaks",
		Fatal: "invalid memory address or nil pointer dereference",
		run:   lateDeadline,
	})
}

// lateDeadline has a goroutine set a write deadline after its handler's return,
// as a watchdog does that gives up on a slow client.
func lateDeadline(ctx context.Context) (Result, error) {
	use := func(w http.ResponseWriter) error {
		return http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
	}
	bad := func(l late) string {
		switch {
		case l.misanswered():
			return l.next.String() + " for the next, innocent request on the connection"
		case l.err == nil:
			return "set on a connection that is somebody else's by now"
		}
		return ""
	}
	return lateTally(ctx, 10, use, bad)
}
