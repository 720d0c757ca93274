package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/proxytest"
	"fork.internal/apiserver/hack/internal/queue"
	"fork.internal/apiserver/hack/internal/suite"
)

// publish puts a release of toy.test/fork into the directory that stands for the Go module proxy,
// and returns its checksum.
func publish(t *testing.T, proxy, tag, source string) string {
	t.Helper()
	file := proxytest.Publish(t, proxy, "toy.test/fork", tag, map[string]string{"go.mod": "module toy.test/fork\n\ngo 1.21\n", "pkg/a/a.go": source})
	sum, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

const (
	toySource = "package a\n\nfunc A() int { return 1 }\n\n// Nothing is here.\n\n"
	toyPatch  = `From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: apiserver fork <fork@apiserver.invalid>
Date: Sat, 1 Jan 2000 00:00:00 +0000
Subject: [PATCH] Make one two

Description: One was too few.
Origin: written for this test
Bug: none
Forwarded: no
Last-Update: 2026-01-31

diff --git a/pkg/a/a.go b/pkg/a/a.go
--- a/pkg/a/a.go
+++ b/pkg/a/a.go
@@ -2,3 +2,3 @@ package a
 
-func A() int { return 1 }
+func A() int { return 2 }
 
`
)

func TestRebaseToANewTagUntilItHasPassed(t *testing.T) {
	scratch := t.TempDir()
	proxy := filepath.Join(scratch, "proxy")
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(proxy))
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOMODCACHE", filepath.Join(scratch, "mod"))
	t.Setenv("GOFLAGS", "-modcacherw")
	var out, said bytes.Buffer
	co := &checkout.Checkout{Root: filepath.Join(scratch, "checkout"), Out: &out, Err: &said}
	patch := filepath.Join(co.Root, "patches/v0.1/0001-Make-one-two.patch")
	if err := errors.Join(os.MkdirAll(filepath.Dir(patch), 0o755), os.WriteFile(patch, []byte(toyPatch), 0o644)); err != nil {
		t.Fatal(err)
	}
	p := &pins.Pins{Module: "toy.test/fork"}
	p.Add(pins.Tag{Tag: "v0.1.0", Sum: publish(t, proxy, "v0.1.0", toySource)})
	if err := p.Save(co.Pins()); err != nil {
		t.Fatal(err)
	}
	publish(t, proxy, "v0.1.1", toySource+"func B() int { return A() }\n")
	publish(t, proxy, "v0.1.2", toySource+"func B() int { return A() }\n")
	publish(t, proxy, "v0.1.3", strings.Replace(toySource, "1", "7", 1))

	steps := newTagSteps
	t.Cleanup(func() { newTagSteps = steps })
	outcome := errors.New("no")
	newTagSteps = []suite.Step{{Name: "judge", Run: func(context.Context, *checkout.Checkout, string) error { return outcome }}}
	rebaseTo := func(tag string, args ...string) error {
		out.Reset()
		cmd := newRebaseCommand(co)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(append([]string{"--to", tag}, args...))
		return cmd.ExecuteContext(context.Background())
	}
	wants := func(err error, part string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q", err, part)
		}
	}
	const looked = "to look at, from v0.1.0 to v0.1.1:\n" +
		"  files that patches touch, and that upstream has changed\n    pkg/a/a.go (patches 0001): func B\n" +
		"  to read them: git -C _output/tree/v0.1.1 diff refs/fork/frombase refs/fork/base -- pkg/a/a.go\n" +
		"  new in upstream, and using what patches change\n    pkg/a/a.go:7: func B uses func pkg/a.A\n"

	wants(rebaseTo("v0.1.1"), "1 of 1 steps failed: v0.1.1 judge\nnext: v0.1.1 is carried and pinned: put it right in its tree, make refresh TAG=v0.1.1, and make rebase TO=v0.1.1 again")
	if got := out.String(); !strings.HasSuffix(got, "v0.1.0 to v0.1.1: 1 patches carried, and pinned, 2 files of pkg/ and patches/ changed\n"+looked) {
		t.Errorf("got %s", got)
	}
	outcome = nil
	if err := rebaseTo("v0.1.1"); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "carried from v0.1.0 to v0.1.1 before\n"+looked+"v0.1.1 is carried, pinned and checked; next: look at what is listed, git add patches, git commit\n"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	wants(rebaseTo("v0.1.1"), "v0.1.1 is pinned already")

	if err := rebaseTo("v0.1.2", "-o", "json"); err != nil {
		t.Fatal(err)
	}
	var report rebaseReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.To != "v0.1.2" || report.From != "v0.1.1" ||
		!report.Review.Empty() || len(report.Steps) != 1 || report.Steps[0].Outcome != suite.Passed {
		t.Errorf("got %v: %s", err, out.String())
	}

	err := rebaseTo("v0.1.3", "-o", "json")
	wants(err, "\n  make rebase TO=v0.1.3\n")
	if !errors.As(err, new(*queue.RebaseConflictError)) || out.Len() > 0 {
		t.Errorf("got %T, %q", err, out.String())
	}
	if err := os.RemoveAll(co.Tree("v0.1.3")); err != nil {
		t.Fatal(err)
	}
	// From a tag that is named: no step.
	publish(t, proxy, "v0.1.4", toySource)
	outcome = errors.New("no")
	if err := rebaseTo("v0.1.4", "--from", "v0.1.0"); err != nil || !strings.Contains(out.String(), "nothing to look at from v0.1.0 to v0.1.4: the 1 files that patches touch") {
		t.Errorf("got %v, %s", err, out.String())
	}
}
