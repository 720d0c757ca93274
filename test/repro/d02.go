package main

import (
	"context"
	"io"
	"net/http"
)

func init() {
	register(Case{
		ID:    "D2",
		Title: "a goroutine that a handler left behind writes: the process dies, or the bytes go to the next client",
		Fatal: "called after Handler finished",
		run:   lateWrite,
	})
}

// lateWrite has a goroutine write after its handler's return, as one does that
// streams a log or copies a body and is not waited for.
func lateWrite(ctx context.Context) (Result, error) {
	const secret = "meant for somebody else\n"
	use := func(w http.ResponseWriter) error {
		_, err := io.WriteString(w, secret)
		return err
	}
	bad := func(l late) string {
		switch {
		case l.carries(secret):
			return "in the next response"
		case l.misanswered():
			return "the next response spoiled"
		case l.err == nil:
			return "written to a buffer that is somebody else's by now"
		}
		return ""
	}
	return lateTally(ctx, 10, use, bad)
}
