package queue

import (
	"errors"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/git"
)

// What stands twice in v0.1.1, and in v0.2.0 only once: where it stands first in v0.1.1.
const (
	twice = "package e\n\nfunc P() {\n\t// a\n\t// x\n\t// 0\n\t// y\n}\n\nfunc Q() {\n\t// a\n\t// x\n\t// 0\n\t// y\n}\n"
	once  = "package e\n\nfunc Q() {\n\t// a\n\t// x\n\t// 0\n\t// y\n}\n"
	inQ   = "func Q() {\n\t// a\n\t// x\n\t// 5\n"
)

func twoMinors(t *testing.T) *toy {
	t.Helper()
	toy := newToy(t)
	toy.publish("v0.1.1", map[string]string{"pkg/e/e.go": twice})
	toy.publish("v0.2.0", map[string]string{"pkg/e/e.go": once})
	toy.pin("v0.1.1")
	toy.tree("v0.1.1")
	toy.sub("v0.1.1", "pkg/b/b.go", "Three = 3", "Three = 33")
	toy.commit("v0.1.1", "Make three a larger number")
	toy.refresh("v0.1.1")
	return toy
}

func TestAPatchThatWouldGoElsewhereIsNotShared(t *testing.T) {
	toy := twoMinors(t)
	toy.writeTree("v0.1.1", "pkg/e/e.go", twice[:strings.Index(twice, "func Q")]+strings.Replace(once[strings.Index(once, "func Q"):], "// 0", "// 5", 1))
	toy.commit("v0.1.1", "Say five and not naught")
	toy.refresh("v0.1.1")
	_, err := Rebase(ctx, toy.co, "v0.1.1", "v0.2.0")
	toy.check(err)
	// The rebase keeps what v0.1 says, so do a refresh and a carry.
	check := func() {
		t.Helper()
		toy.lists("v0.1", "../v0.2/0001-Make-three-a-larger-number.patch 0002-Say-five-and-not-naught.patch")
		toy.tree("v0.1.1")
		toy.has("v0.1.1", "pkg/e/e.go", inQ)
		toy.has("v0.2.0", "pkg/e/e.go", inQ)
	}
	check()
	if info := toy.refresh("v0.1.1"); len(info.Changes) > 0 {
		t.Errorf("got %+v", info)
	}
	check()
	toy.carried()
	check()
}

func TestAPatchThatGoesElsewhereIsWarnedOf(t *testing.T) {
	toy := twoMinors(t)
	_, err := Rebase(ctx, toy.co, "v0.1.1", "v0.2.0")
	toy.check(err)
	toy.sub("v0.2.0", "pkg/e/e.go", "// 0", "// 5")
	toy.commit("v0.2.0", "Say five and not naught")
	const warning = "patches/v0.2/0002-Say-five-and-not-naught.patch goes into another function in v0.1 than in v0.2"
	done := toy.carry()
	if len(done) != 2 || len(done[1].Warnings) != 1 || !strings.Contains(done[1].Warnings[0], warning) {
		t.Errorf("got %+v", done)
	}
	toy.readme()
	_, warnings, err := toy.verify("")
	toy.check(err)
	if got := warnings["v0.1.1 "+carriedCheck]; len(warnings) != 1 || !strings.Contains(got, warning) {
		t.Errorf("verify: got %v", warnings)
	}
}

// settle makes dos.txt of tag's tree, which is in conflict, have these for its second and third lines.
func (t *toy) settle(tag, second, third string) {
	t.Helper()
	t.writeTree(tag, "docs/dos.txt", "one\r\n"+second+"\r\n"+third+"\r\nfour\r\nfive\r\n")
	t.git(tag, "add", "-A", "-f")
}

func TestCarryOfTwoPatchesThatChangeSideBySide(t *testing.T) {
	toy := threeMinors(t)
	// A patch that stands by a line of the one before, and of which v0.2 has its own.
	toy.amend("v0.3.0", "", "docs/dos.txt", "two", "zwei")
	toy.sub("v0.3.0", "docs/dos.txt", "three", "drei")
	toy.commit("v0.3.0", "Count to three in another tongue")
	toy.carry()
	toy.amend("v0.2.0", "", "docs/dos.txt", "drei", "dree")
	toy.refresh("v0.2.0")
	toy.lists("v0.2", "0001-Add-ten-and-not-one.patch ../v0.3/0002-Make-three-a-larger-number.patch 0003-Count-to-three-in-another-tongue.patch")
	toy.carried()
	// Both lines change at once, so that neither what v0.2 has nor what the base had goes on what is there now.
	message := toy.git("v0.3.0", "log", "-1", "--format=%B")
	toy.git("v0.3.0", "reset", "-q", "--hard", "HEAD~1")
	toy.sub("v0.3.0", "docs/dos.txt", "zwei", "deux")
	toy.git("v0.3.0", "commit", "-q", "-a", "--amend", "--no-edit")
	toy.sub("v0.3.0", "docs/dos.txt", "three", "trois")
	toy.git("v0.3.0", "commit", "-q", "-a", "-m", message)
	stops := 0
	for ; stops < 4; stops++ {
		_, err := toy.tryCarry()
		if err == nil {
			break
		}
		var stop *CarryConflictError
		if !errors.As(err, &stop) || stop.Minor != "v0.2" || stop.InPlace != "patches/v0.2/0003-Count-to-three-in-another-tongue.patch" {
			t.Fatalf("got %v", err)
		}
		toy.settle("v0.2.0", "deux", "troys")
		_, _ = git.At(toy.co, toy.co.Tree("v0.2.0")).Run(ctx, "rebase", "--continue") // which may stop again
	}
	if stops == 0 {
		t.Error("no conflict")
	}
	toy.has("v0.1.0", "docs/dos.txt", "deux\r\ntrois\r\n")
	toy.has("v0.2.0", "docs/dos.txt", "deux\r\ntroys\r\n")
	toy.carried()
}
