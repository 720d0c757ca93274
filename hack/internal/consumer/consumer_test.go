package consumer

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/toy"
)

func TestTry(t *testing.T) {
	for _, module := range []string{toy.Sample, toy.Consumer} {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			co := toy.New(t)
			var got []Built
			toy.Check(t, Try(context.Background(), co, module, "", func(b Built) { got = append(got, b) }))
			if len(got) != 2 || got[0].Form != "tree" || got[0].Uses != co.Tree("v0.1.0") ||
				got[1].Form != "module" || !strings.HasPrefix(got[1].Uses, "toy.test/apiserver@v0.1.0-deadline.1 h1:") {
				t.Errorf("got %+v", got)
			}
			if left, err := filepath.Glob(filepath.Join(co.Output(), "consumer-*")); err != nil || len(left) > 0 {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

func TestTryFails(t *testing.T) {
	t.Parallel()
	co := toy.New(t)
	for _, test := range []struct{ module, tag, want string }{
		{toy.Sample, "v0.9.9", "unknown tag v0.9.9"},
		{"toy.test/nothing", "", "cannot download toy.test/nothing@v0.1.0"},
		{"toy.test/base", "", "does not require toy.test/apiserver"},
	} {
		err := Try(context.Background(), co, test.module, test.tag, func(b Built) { t.Errorf("%+v was reported", b) })
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	// What does not compile.
	toy.Write(t, filepath.Join(co.Pkg(), "a", "other.go"), "package a\n\nconst A = 1\n")
	err := Try(context.Background(), co, toy.Sample, "", func(b Built) { t.Errorf("%+v was reported", b) })
	if err == nil || !strings.Contains(err.Error(), "with the tree: ") || !strings.Contains(err.Error(), "A redeclared") {
		t.Errorf("got %v", err)
	}
}
