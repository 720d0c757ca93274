package queue

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// ownPatches are those of this checkout.
func ownPatches(f *testing.F) (patches []string) {
	names, err := filepath.Glob(filepath.Join("..", "..", "..", "patches", "*", "*.patch"))
	if err != nil || len(names) == 0 {
		f.Fatalf("no patches: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		patches = append(patches, string(data))
	}
	return patches
}

// FuzzHeader takes any commit message apart as a patch's header: what is wrong with it is said, in lines that say
// something, and what is right, written again, is read as the same. What upstream would get of it loses no word, and says
// the same when it is filled anew.
func FuzzHeader(f *testing.F) {
	for _, text := range ownPatches(f) {
		header, _ := patch(text).cut()
		_, message, _ := strings.Cut(header, "\nSubject: [PATCH] ")
		message, _, _ = strings.Cut(message, "\n---\n")
		f.Add(message)
	}
	for _, s := range []string{"", "\n", "Subject alone", "A\nB: no empty line", "A\n\nB: c\n d\n  e\n .\n f\n\nfree text", "A\n\nB: c\nB: d\n", "A\n\n continued\n", "A\n\nB:\n c\n", "A\n\nB: \x00\xff\n \n c\n", "A\r\n\r\nB: c\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, message string) {
		h, broken := parseHeader(message)
		for _, rule := range append(broken, append(lintHeader(message), h.adviseUpstream()...)...) {
			if strings.TrimSpace(rule) == "" {
				t.Errorf("a rule that says nothing, of %q", broken)
			}
		}
		description := h.fields["Description"]
		filled := wrap(description, ".")
		words := slices.Collect(func(yield func(string) bool) {
			for line := range strings.Lines(description) {
				if strings.TrimSpace(line) == "." {
					continue
				}
				for _, word := range strings.Fields(line) {
					if !yield(word) {
						return
					}
				}
			}
		})
		if !slices.Equal(strings.Fields(filled), words) {
			t.Errorf("filled, %q is %q", description, filled)
		}
		if again := wrap(filled, ""); again != filled {
			t.Errorf("filled anew, %q is %q", filled, again)
		}
		for line := range strings.Lines(filled) {
			if line = strings.TrimSuffix(line, "\n"); len([]rune(line)) > bodyWidth && strings.Contains(line, " ") && len(strings.Fields(line)) > 1 {
				t.Errorf("a line of %d: %q", len([]rune(line)), line)
			}
		}
		if len(broken) > 0 {
			return
		}
		written := h.subject + "\n"
		for _, name := range slices.Sorted(maps.Keys(h.fields)) {
			if len(written) == len(h.subject)+1 {
				written += "\n"
			}
			written += name + ": " + strings.ReplaceAll(h.fields[name], "\n", "\n ") + "\n"
		}
		if again, broken := parseHeader(written); len(broken) > 0 || !reflect.DeepEqual(h, again) {
			t.Errorf("read again: %q, %q, and before %q", again, broken, h)
		}
	})
}

// FuzzPatch looks at anything as at a patch: its parts are the whole, what it is known by is one line, and what it is
// compared by does not hang on where it stands in a file.
func FuzzPatch(f *testing.F) {
	patches := ownPatches(f)
	for i := range patches[:min(8, len(patches))] {
		f.Add(patches[i], patches[len(patches)-1-i])
	}
	for _, s := range []string{"", "diff --git a b", "\ndiff --git a b\n", "Subject: [PATCH] a\n b\n\tc\n\nd", "Subject: \ndiff --git\n@@ -1 +1 @@\n@@ -1 +1", "x\ndiff --git a\n--- a\n+++ b\n-\n+\n\n \n", "@@ -"} {
		f.Add(s, s+"\n+x\n")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		p := patch(a)
		header, change := p.cut()
		if header+change != a {
			t.Errorf("its parts are %q and %q", header, change)
		}
		if s := p.subject(); strings.ContainsAny(s, "\n\r") {
			t.Errorf("known by %q", s)
		}
		if l := likeness(p, p); l != 1 && (l != 0 || len(p.changed()) > 0) {
			t.Errorf("like itself: %v", l)
		}
		there, back := likeness(p, patch(b)), likeness(patch(b), p)
		if there != back || there < 0 || there > 1 {
			t.Errorf("like another: %v, and the other like it: %v", there, back)
		}
		var moved strings.Builder
		moved.WriteString(header)
		for line := range strings.Lines(change) {
			if strings.HasPrefix(line, "@@ -") {
				if _, after, ok := strings.Cut(line[2:], "@@"); ok {
					line = "@@ -7,1 +8,1 @@" + after
				}
			}
			moved.WriteString(line)
		}
		if q := patch(moved.String()); q.saying() != p.saying() || q.placed() != p.placed() || q.stamp() != p.stamp() {
			t.Errorf("elsewhere it says %q, and here %q", q.saying(), p.saying())
		}
		if at := numbered(3, a); !strings.HasPrefix(at, "0003-") || strings.Contains(strings.TrimPrefix(at, "0003-"), "/") && strings.Trim(a, "/") != "" {
			t.Errorf("numbered: %q", at)
		}
	})
}
