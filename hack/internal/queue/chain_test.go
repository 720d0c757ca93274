package queue

import (
	"strings"
	"testing"
)

// chainConfig is a handler chain of which the toy's fork has an order of its own.
const chainConfig = `package server

type Handler func()

func WithAuth(handler Handler) Handler                             { return handler }
func WithTimeoutForNonLongRunningRequests(handler Handler) Handler { return handler }
func WithLogging(handler Handler) Handler                          { return handler }
func WithLoad(handler Handler) Handler                             { return handler }

func DefaultBuildHandlerChain(handler Handler, gate bool) Handler {
	handler = WithAuth(handler)
	handler = WithTimeoutForNonLongRunningRequests(handler)
	handler = WithLogging(handler)
	return handler
}
`

const chainBounded = `package server

func WithBoundary(handler Handler) Handler { return handler }

func boundedChain(handler Handler) Handler {
	handler = WithLogging(handler)
	return WithBoundary(handler)
}
`

func TestVerifyNamesAFilterThatTheForkLacks(t *testing.T) {
	const (
		file  = "pkg/server/config.go"
		check = " no filter of upstream's is lost"
	)
	toy := newToy(t)
	toy.publish("v0.1.1", map[string]string{file: chainConfig})
	toy.pin("v0.1.1")
	toy.tree("v0.1.1")
	toy.sub("v0.1.1", file, "\thandler = WithTimeout", "\tif gate {\n\t\treturn boundedChain(handler)\n\t}\n\thandler = WithTimeout")
	toy.writeTree("v0.1.1", "pkg/server/bounded_chain.go", chainBounded)
	toy.commit("v0.1.1", "Log within the boundary")
	toy.refresh("v0.1.1")
	toy.readme()
	if failed, _, err := toy.verify("v0.1.1"); err != nil {
		t.Errorf("as upstream's: got %v, %v", err, failed)
	}

	toy.publish("v0.1.2", map[string]string{file: strings.Replace(chainConfig, "\treturn handler\n}\n", "\thandler = WithLoad(handler)\n\treturn handler\n}\n", 1)})
	_, err := Rebase(ctx, toy.co, "v0.1.1", "v0.1.2")
	toy.check(err)
	toy.readme()
	failed, _, err := toy.verify("v0.1.2")
	if len(failed) != 1 {
		t.Errorf("one more upstream: got %v, %v", err, failed)
	}
	for _, want := range []string{
		"boundedChain lacks WithLoad(handler), which upstream has after WithLogging\n",
		"next: in _output/tree/v0.1.2, edit pkg/server/bounded_chain.go, in the patch \"Log within the boundary\" (git rebase -i refs/fork/base)",
		"make refresh TAG=v0.1.2",
	} {
		if got := failed["v0.1.2"+check]; !strings.Contains(got, want) {
			t.Errorf("one more upstream: got %s, want %s", got, want)
		}
	}
	if err := VerifyBuild(ctx, toy.co, "v0.1.2", func(c Check) {
		if c.OK == strings.HasSuffix(check, c.Name) {
			t.Errorf("with builds only: got %+v", c)
		}
	}); err == nil {
		t.Error("with builds only: no error")
	}

	toy.git("v0.1.2", "rm", "-q", "pkg/server/bounded_chain.go")
	toy.sub("v0.1.2", file, "\tif gate {\n\t\treturn boundedChain(handler)\n\t}\n", "")
	toy.sub("v0.1.2", file, "package server\n", "// Package server has a chain.\npackage server\n")
	toy.git("v0.1.2", "commit", "-q", "-a", "--amend", "-m", header("Say what it is that it has"))
	toy.refresh("v0.1.2")
	if failed, _, err = toy.verify("v0.1.2"); !strings.Contains(failed["v0.1.2"+check], "there is no pkg/server/bounded_chain.go") {
		t.Errorf("no order of the fork's: got %v, %v", err, failed)
	}
}
