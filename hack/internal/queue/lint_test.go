package queue

import (
	"strings"
	"testing"
)

func TestLintHeader(t *testing.T) {
	with := func(old, new string) string {
		if !strings.Contains(Example, old) {
			t.Fatalf("the example lacks %q", old)
		}
		return strings.Replace(Example, old, new, 1)
	}
	const subject = "Keep warnings out of the header map until the response is committed"
	for _, test := range []struct{ name, message, want string }{
		{"the example", Example, ""},
		{"free text after the fields", Example + "\nMore: to say\n.\n", ""},
		{"a field of its own", Example + "Reviewed-by: A. Body\n", ""},
		{"no bug", with("https://github.com/kubernetes/kubernetes/issues/12345", "none"), ""},
		{"not to be forwarded", with("Forwarded: no", "Forwarded: not-needed"), ""},
		{"forwarded", with("Forwarded: no", "Forwarded: https://github.com/kubernetes/kubernetes/pull/1"), ""},
		{"short", with(subject, "Fix it"), "three words"},
		{"file name", with(subject, "pkg/endpoints/filters/warning.go"), "not file names"},
		{"file names", with(subject, "warning.go and warning_test.go changed"), "not file names"},
		{"with a file name", with(subject, "warning.go: keep the map apart"), ""},
		{"period", with(subject, "Keep warnings out of it."), "period"},
		{"long", with(subject, subject+" by net/http"), "at most 72"},
		{"as long as may be", with(subject, strings.Repeat("ä b ", 18)[:len(strings.Repeat("ä b ", 18))-1]), ""},
		{"no body", subject + "\n", "Description: is missing"},
		{"no empty line", with("\n\nDescription", "\nDescription"), "an empty line"},
		{"text first", with("Description:", "Some text.\n\nDescription:"), `"Some text." is neither`},
		{"no space before a continuation", with(" goroutine added", "goroutine added"), "is neither one nor"},
		{"no description", with("Description: Warnings", "Descripton: Warnings"), "Description: is missing"},
		{"no origin", with("Origin: written for this fork\n", ""), "Origin: is missing"},
		{"empty origin", with("Origin: written for this fork\n", "Origin:\n"), "Origin: is where"},
		{"a bug that is a number", with("https://github.com/kubernetes/kubernetes/issues/12345", "#12345"), "Bug: is a URL or none"},
		{"forwarded yes", with("Forwarded: no", "Forwarded: yes"), "Forwarded: is no, not-needed or a URL"},
		{"no such day", with("2026-01-31", "2026-02-31"), "Last-Update: is a date"},
		{"another form of date", with("2026-01-31", "31 Jan 2026"), "Last-Update: is a date"},
		{"twice", with("Bug:", "Bug: none\nBug:"), "Bug is there twice"},
		{"a bug in two lines", with("issues/12345", "issues/\n 12345"), "Bug: is a URL or none"},
		{"independent", Example + "Independent: yes\n", ""},
		{"independent of what", Example + "Independent: of the gate\n", "Independent: is yes"},
		{"no release note", with("Release-Note: kube-apiserver no longer crashes when a request that earns\n warnings times out.", "Release-Note: NONE"), ""},
		{"half a release note", with("times out.", "times"), "Release-Note: is NONE, or"},
		{"a long subject for upstream", with("keep warnings out of the header map\nRelease", "keep warnings out of the header map until the response\nRelease"), "Upstream-Subject: is a subject"},
		{"a mention", with("two goroutines", "@somebody has goroutines"), `mentions somebody: "@somebody"`},
		{"a word that closes an issue", with("two goroutines", "(fixes #12345) goroutines"), `closes an issue: "fixes #12345"`},
	} {
		got := strings.Join(lintHeader(test.message), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestAdviseUpstream(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"They collect.", ""},
		{"They collect, upstream's order untouched.", `"upstream's" means nothing`},
		{"The fork has one map.", `"fork" means nothing`},
		{"forked from it", ""},
	} {
		h, _ := parseHeader(header("Keep one map apart") + "Release-Note: " + test.text + "\n")
		if got := strings.Join(h.adviseUpstream(), "\n"); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestUpstreamMessage(t *testing.T) {
	h, broken := parseHeader(Example)
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	const gated = `endpoints/filters: keep warnings out of the header map

Warnings went into the response's header map from whatever goroutine
added them, and two goroutines in one map end the process.

They collect under the recorder's lock now and are rendered once.

Issue: https://github.com/kubernetes/kubernetes/issues/12345

` + kep + "\n\n```release-note\nkube-apiserver no longer crashes when a request that earns warnings times out.\n```\n"
	if got := h.upstreamMessage(); got != gated {
		t.Errorf("got:\n%s\nwant:\n%s", got, gated)
	}
	h.fields[fieldIndependent] = "yes"
	if got, want := h.upstreamMessage(), strings.Replace(gated, kep+"\n\n", "", 1); got != want {
		t.Errorf("independent: got:\n%s\nwant:\n%s", got, want)
	}
	h, _ = parseHeader(header("Keep one map apart"))
	if got, want := h.upstreamMessage(), "Keep one map apart\n\nsomething was wrong\n\nand now is not\n\n"+kep+"\n\n```release-note\nNONE\n```\n"; got != want {
		t.Errorf("without fields for upstream: got:\n%s\nwant:\n%s", got, want)
	}
}
