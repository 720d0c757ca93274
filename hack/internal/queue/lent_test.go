package queue

import (
	"strings"
	"testing"
)

// What v0.2 alone has beside the base's, v0.1 has of it, and what becomes of it there becomes of it here.
func TestWhatTwoMinorsHaveIsInOneFile(t *testing.T) {
	toy := threeMinors(t)
	for _, tag := range []string{"v0.2.0", "v0.1.0"} {
		toy.tree(tag)
		toy.writeTree(tag, "pkg/d/d.go", "package d\n\nconst Old = true\n")
		toy.commit(tag, "Tell that this is old")
		toy.refresh(tag)
	}
	const old = " 0003-Tell-that-this-is-old.patch"
	toy.lists("v0.2", twoPatches+old)
	toy.lists("v0.1", oldestPatches+strings.Replace(old, " ", " ../v0.2/", 1))
	toy.carried()

	t.Log("A change there is one here.")
	toy.amend("v0.2.0", "", "pkg/d/d.go", "true", "1 < 2")
	if info := toy.refresh("v0.2.0"); strings.Join(info.ToCarry, " ") != "v0.1" {
		t.Errorf("got %+v", info)
	}
	toy.carry()
	toy.has("v0.1.0", "pkg/d/d.go", "1 < 2")
	toy.carried()

	t.Log("A change here is a file here.")
	toy.amend("v0.1.0", "", "pkg/d/d.go", "1 < 2", "2 > 1")
	toy.refresh("v0.1.0")
	toy.has("v0.2.0", "pkg/d/d.go", "1 < 2")
	toy.lists("v0.1", oldestPatches+old)
	toy.carried()

	t.Log("What says the same again is in one file again, and what goes there stays here.")
	toy.amend("v0.1.0", "", "pkg/d/d.go", "2 > 1", "1 < 2")
	toy.refresh("v0.1.0")
	toy.lists("v0.1", oldestPatches+strings.Replace(old, " ", " ../v0.2/", 1))
	toy.git("v0.2.0", "reset", "-q", "--hard", "HEAD~1")
	toy.refresh("v0.2.0")
	toy.lists("v0.2", twoPatches)
	toy.lists("v0.1", oldestPatches+old)
	toy.carried()
}

// A list that names what no newer minor has is refused, and changes nothing.
func TestAListThatBorrowsWhatIsNotThere(t *testing.T) {
	toy := threeMinors(t)
	list := toy.snapshot()["patches/v0.1/series"]
	toy.write("patches/v0.2/series", strings.Replace(toy.snapshot()["patches/v0.2/series"], "\n0001-Add-ten", "\n../v0.1/0001-Add-ten", 1))
	toy.write("patches/v0.1/0001-Add-ten-and-not-one.patch", toy.snapshot()["patches/v0.2/0001-Add-ten-and-not-one.patch"])
	toy.write("patches/v0.1/series", strings.Replace(list, "../v0.2/0001", "0001", 1))
	before := toy.snapshot()
	_, err := toy.tryCarry()
	toy.fails(err, "patches/v0.2/0001-Add-ten-and-not-one.patch is not in patches/v0.2/series", "next: ")
	toy.same(before)
	toy.remove("patches/v0.2/0001-Add-ten-and-not-one.patch")
	before = toy.snapshot()
	_, err = toy.tryCarry()
	toy.fails(err, "patches/v0.2/series names patches/v0.1/0001-Add-ten-and-not-one.patch, which is not a patch of a newer minor", "next: ")
	toy.same(before)
}

// Two patches of one subject stay two with who has borrowed them.
func TestTwoOfOneSubjectAreBorrowed(t *testing.T) {
	toy := threeMinors(t)
	for _, tag := range []string{"v0.2.0", "v0.1.0"} {
		toy.tree(tag)
		for _, content := range []string{"true", "true\n\nconst More = 7"} {
			toy.writeTree(tag, "pkg/d/d.go", "package d\n\nconst Old = "+content+"\n")
			toy.commit(tag, "Tell that this is old")
		}
		toy.refresh(tag)
	}
	const both = " ../v0.2/0003-Tell-that-this-is-old.patch ../v0.2/0004-Tell-that-this-is-old.patch"
	toy.lists("v0.1", oldestPatches+both)
	toy.sub("v0.2.0", "pkg/d/d.go", "More = 7", "More = 8")
	toy.git("v0.2.0", "commit", "-q", "-a", "--amend", "--no-edit")
	toy.refresh("v0.2.0")
	toy.lists("v0.1", oldestPatches+both)
	toy.carry()
	toy.has("v0.1.0", "pkg/d/d.go", "More = 8")
	toy.carried()
}
