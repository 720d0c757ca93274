package gosum

import (
	"strings"
	"testing"
)

const text = `a.test/a v1.0.0 h1:1=
a.test/a v1.0.0/go.mod h1:2=
k8s.io/apiserver v0.37.2 h1:3=
k8s.io/apiserver v0.37.2/go.mod h1:4=
z.test/z v1.0.0/go.mod h1:5=
`

var fork = Sums{Path: "k8s.io/apiserver", Version: "v0.37.2-deadline.10", Zip: "h1:6=", GoMod: "h1:4="}

func isFork(version string) bool { return version == fork.Version }

func TestAddSortsAndDropRestores(t *testing.T) {
	got := Add(text, fork)
	before, _, _ := strings.Cut(text, "k8s.io/apiserver")
	if !strings.HasPrefix(got, before+"k8s.io/apiserver v0.37.2-deadline.10 h1:6=\nk8s.io/apiserver v0.37.2-deadline.10/go.mod h1:4=\nk8s.io/apiserver v0.37.2 ") {
		t.Errorf("got:\n%s", got)
	}
	if again := Add(got, fork); again != got {
		t.Errorf("added twice:\n%s", again)
	}
	if Find(got, fork.Path, fork.Version) != fork {
		t.Errorf("got %+v", Find(got, fork.Path, fork.Version))
	}
	if v := strings.Join(Versions(got, fork.Path), " "); v != "v0.37.2-deadline.10 v0.37.2" {
		t.Errorf("got %s", v)
	}
	if got = Drop(got, fork.Path, isFork); got != text {
		t.Errorf("got:\n%s", got)
	}
}

func TestTextThatIsNotInOrder(t *testing.T) {
	for _, text := range []string{"", "z.test/z v1.0.0 h1:1=\na.test/a v1.0.0 h1:2=\n", "nonsense\n", "\n\n"} {
		got := Add(text, fork)
		if Find(got, fork.Path, fork.Version) != fork {
			t.Errorf("%q: got:\n%s", text, got)
		}
		if got = Drop(got, fork.Path, isFork); got != text {
			t.Errorf("%q: got:\n%s", text, got)
		}
	}
	if got := Add("a.test/a v1.0.0 h1:1=", fork); !strings.HasPrefix(got, "a.test/a v1.0.0 h1:1=\nk8s.io/") {
		t.Errorf("got:\n%s", got)
	}
}
