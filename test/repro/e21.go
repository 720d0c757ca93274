package main

import (
	"context"
	"net/http"

	"k8s.io/apiserver/pkg/warning"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E21",
		Title: "the warnings and headers of a handler that writes nothing are lost",
		run:   implicitHeaders,
	})
}

// implicitHeaders has handlers set a header and add a warning, and leave it to
// net/http to send them.
func implicitHeaders(ctx context.Context) (Result, error) {
	const text = "as designed"
	w, err := watchServer(chain.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-From-Handler", "yes")
		warning.AddWarning(r.Context(), "", text)
	})})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	if err := w.send(ctx, 2, get(w.URL+chain.PodsPath)); err != nil {
		return Result{}, err
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	return w.verdict(account{}, func(e *exchange) complaint {
		switch {
		case e.err != nil || e.status != http.StatusOK:
			return wrongly("no answer")
		case e.header.Get("X-From-Handler") != "yes":
			return wrongly("the header is lost")
		case e.header.Get("Warning") != `299 - "`+text+`"`:
			return wrongly("the warning is lost")
		}
		return complaint{}
	})
}
