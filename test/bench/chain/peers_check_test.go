package chain_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"

	"fork.internal/apiserver/test/bench"
	"fork.internal/apiserver/test/chain"
)

// TestUpstreamChain compares the frames that a request goes through in the
// chain that is built here with those in DefaultBuildHandlerChain.
func TestUpstreamChain(t *testing.T) {
	if bench.Variant() != "upstream" {
		t.Skip("only the program that is built against upstream builds upstream's chain")
	}
	want := frames(t, peer{name: "upstream"})
	got := frames(t, peer{name: "rebuilt", filter: func(h http.Handler, c *server.Config) http.Handler {
		return genericfilters.WithTimeoutForNonLongRunningRequests(h, c.LongRunningFunc)
	}})
	if len(want) < 40 || !slices.Equal(got, want) {
		t.Errorf("upstreamChain is not as DefaultBuildHandlerChain, innermost first:\n%s\nand not\n%s\n(put peers_test.go right)",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// frames are the lines that a handler is called through. The request is a
// long-running one: such go through all filters in one goroutine.
func frames(t *testing.T, p peer) []string {
	var lines []string
	s, err := p.start(chain.Config{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		pcs := make([]uintptr, 1000)
		for frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)]); ; {
			frame, more := frames.Next()
			// A closure is named after those that its maker was inlined into.
			lines = append(lines, fmt.Sprintf("%s:%d", frame.File, frame.Line))
			if !more {
				return
			}
		}
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	client := s.Client("HTTP/1.1")
	defer client.CloseIdleConnections()
	res, err := client.Get(s.URL + chain.PodsPath + "?watch=true")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return lines
}
