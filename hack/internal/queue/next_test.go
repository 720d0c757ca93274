package queue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proxytest"
)

// next runs VerifyNext, and returns the failed checks' details, the reasons of those that were skipped, and the warnings.
func (t *toy) next(tag string, pin bool) (failed, skipped, warnings map[string]string, err error) {
	t.Helper()
	failed, skipped, warnings = map[string]string{}, map[string]string{}, map[string]string{}
	err = VerifyNext(ctx, t.co, tag, pin, func(c Check) {
		switch {
		case !c.OK:
			failed[c.Tag+" "+c.Name] = c.Detail
		case c.Skipped != "":
			skipped[c.Tag+" "+c.Name] = c.Skipped
		}
		if len(c.Warnings) > 0 {
			warnings[c.Tag+" "+c.Name] = strings.Join(c.Warnings, "\n")
		}
	})
	return failed, skipped, warnings, err
}

// TestVerifyNext tries a pre-release that takes the patches, and requires what is not to be had.
func TestVerifyNext(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	before := toy.snapshot()
	_, skipped, _, err := toy.next("", false)
	if err != nil || skipped["v0.1.0 a newer tag"] == "" {
		t.Errorf("where there is none: got %v, %v", err, skipped)
	}

	dep := toy.module + "/dep"
	for _, version := range []string{"v1.0.0", "v1.1.0", "v1.3.0"} {
		proxytest.Publish(t, proxy, dep, version, map[string]string{"go.mod": "module " + dep + "\n\ngo 1.21\n", "dep.go": "package dep\n\nconst D = 1\n"})
	}
	toy.publish("v0.2.0-alpha.1", nil)
	toy.publish("v0.2.0-beta.0", map[string]string{
		"go.mod":     "module MODULE\n\ngo 1.21\n\nrequire " + dep + " v1.2.0\n",
		"pkg/d/d.go": "package d\n\nimport _ \"" + dep + "\"\n",
	})
	failed, skipped, warnings, err := toy.next("", false)
	if err != nil || len(failed) > 0 || skipped["v0.2.0-beta.0 pin matches"] == "" {
		t.Errorf("got %v, %v, %v", err, failed, skipped)
	}
	if got, want := warnings["v0.2.0-beta.0 what it requires is there"], dep+" v1.2.0; v1.1.0 stands in"; !strings.Contains(got, want) {
		t.Errorf("the warnings do not have %q: %v", want, warnings)
	}
	toy.same(before)
	toy.noLeftovers()

	_, _, _, err = toy.next("v0.2.0-beta.0", true)
	toy.check(err)
	p, err := pins.Load(toy.co.Pins())
	toy.check(err)
	if p.Next == nil || p.Next.Tag != "v0.2.0-beta.0" || p.Next.Sum != toy.sum("v0.2.0-beta.0") {
		t.Errorf("pinned is %+v", p.Next)
	}
	if newest, err := p.Lookup(""); err != nil || newest.Tag != "v0.1.0" {
		t.Errorf("the newest tag is %v, %v", newest, err)
	}
	p.Next.Sum = "h1:another"
	toy.check(p.Save(toy.co.Pins()))
	failed, _, _, err = toy.next("v0.2.0-beta.0", false)
	if got := failed["v0.2.0-beta.0 pin matches"]; err == nil || !strings.Contains(got, "h1:another") {
		t.Errorf("with another pin: got %v, %v", err, failed)
	}
	p.Add(pins.Tag{Tag: "v0.2.0", Sum: "h1:released"})
	if p.Next != nil {
		t.Errorf("the release is there, and %+v still is", p.Next)
	}

	for tag, want := range map[string]string{"v0.1.0": "not newer than v0.1.0", "nonsense": `"nonsense" is not a version tag`, "v0.9.0": "nothing was changed; next: go list -m -versions"} {
		_, _, _, err := toy.next(tag, false)
		toy.fails(err, want)
	}
}

// TestVerifyNextFinds tries tags that the patches do not fit, one in what they say and one in what they mean.
func TestVerifyNextFinds(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	toy.publish("v0.2.0-beta.0", map[string]string{"pkg/a/a.go": strings.Replace(base["pkg/a/a.go"], "x + 1", "1 + x", 1)})
	failed, _, _, err := toy.next("", false)
	if got := failed["v0.2.0-beta.0 patches apply without fuzz"]; err == nil || !strings.Contains(got, "pkg/a/a.go") || !strings.Contains(got, "so that one patch fits both") || !strings.Contains(got, "make rebase TO=v0.2.0-beta.0") {
		t.Errorf("got %v, %v", err, failed)
	}
	if _, err := os.Stat(filepath.Join(toy.co.Output(), "next", "v0.2.0-beta.0")); err == nil {
		t.Error("somebody may resolve the conflict there, and lose it at the next run")
	}
	toy.publish("v0.2.0-beta.1", map[string]string{"pkg/n/other.go": "package n\n\nconst N = 2\n"})
	failed, _, _, err = toy.next("", false)
	if got := failed["v0.2.0-beta.1 tree builds"]; err == nil || !strings.Contains(got, "N redeclared") {
		t.Errorf("got %v, %v", err, failed)
	}
	toy.publish("v0.2.0-beta.2", map[string]string{"pkg/a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tif A(1) != 2 {\n\t\tt.Error(\"one and one\")\n\t}\n}\n"})
	failed, _, _, err = toy.next("", false)
	if got := failed["v0.2.0-beta.2 touched packages' tests pass"]; err == nil || !strings.Contains(got, "one and one") {
		t.Errorf("got %v, %v", err, failed)
	}
	toy.noLeftovers()
}

// TestVerifyNextRequiresNothingThere has a tag that requires what nothing can stand in for.
func TestVerifyNextRequiresNothingThere(t *testing.T) {
	toy := newToy(t)
	toy.queue()
	dep := toy.module + "/dep"
	proxytest.Publish(t, proxy, dep, "v1.0.0", map[string]string{"go.mod": "module somebody.else/dep\n\ngo 1.21\n"})
	toy.publish("v0.2.0-beta.0", map[string]string{"go.mod": "module MODULE\n\ngo 1.21\n\nrequire " + toy.module + "/none v1.2.0\n"})
	failed, _, _, err := toy.next("", false)
	if got := failed["v0.2.0-beta.0 what it requires is there"]; err == nil || !strings.Contains(got, toy.module+"/none") || !strings.Contains(got, "next: ") {
		t.Errorf("got %v, %v", err, failed)
	}
}

// TestNewTags has releases of a carried minor and of another one, and a pre-release.
func TestNewTags(t *testing.T) {
	toy := newToy(t)
	for _, tag := range []string{"v0.1.10", "v0.1.2", "v0.1.3-rc.0", "v0.2.0"} {
		toy.publish(tag, nil)
	}
	got, err := NewTags(ctx, toy.co)
	if toy.check(err); strings.Join(got, " ") != "v0.1.2 v0.1.10" {
		t.Errorf("got %q", got)
	}
	toy.check(os.WriteFile(filepath.Join(proxy, toy.module, "@v", "list"), nil, 0o644))
	_, err = NewTags(ctx, toy.co)
	toy.fails(err, "lists no version of "+toy.module, "next: ")
	_, _, _, err = toy.next("", false)
	toy.fails(err, "lists no version of "+toy.module, "next: ")
}
