package main

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are the checkout's pages for people, by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			data, err := os.ReadFile(path)
			all[path] = string(data)
			return err
		}
		return nil
	})
	if err != nil || len(all) < 5 {
		t.Fatalf("%d pages: %v", len(all), err)
	}
	return all
}

var (
	// command is make in a code span, or at the start of an indented line, up to what is not make's.
	command = regexp.MustCompile("(?m)(?:`|^    )((?:[A-Z]+=\\S+ )*make(?: [^`#&;|\n]*)?)")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestPagesNameCommandsThatAreThere(t *testing.T) {
	commands := map[string]string{}
	for page, text := range pages(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			commands[strings.TrimSpace(m[1])] = page
		}
	}
	if len(commands) < 30 {
		t.Errorf("only %d commands are in the pages", len(commands))
	}
	known := variables(t)
	for line, page := range commands {
		var args []string
		for word := range strings.FieldsSeq(line) {
			name, _, set := strings.Cut(word, "=")
			switch {
			case word == "make":
			case set && !known[name]:
				t.Errorf("%s: %q: make takes no %s", page, line, name)
			default:
				args = append(args, word)
			}
		}
		out, err := exec.Command("make", append([]string{"-C", filepath.Join("..", ".."), "-n"}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %q: %v\n%s", page, line, err, out)
		}
	}
}

// variables are those that the Makefile takes.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\(([A-Z]+)\)`).FindAllStringSubmatch(string(data), -1) {
		known[m[1]] = true
	}
	return known
}

func TestPagesLinkToWhatIsThere(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			at := page
			if u.Path != "" {
				at = filepath.Join(filepath.Dir(page), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(at); err != nil {
				t.Errorf("%s links to what is not there: %s", page, m[1])
			}
			if u.Fragment != "" && !anchors(all[at])[u.Fragment] {
				t.Errorf("%s: %s has no heading for %s", page, at, m[1])
			}
		}
	}
}

// anchors are what a page's headings are linked to by.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(words, " ", "-")] = true
	}
	return all
}

var (
	testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	testDecl = regexp.MustCompile(`(?m)^\+?func ((?:Test|Fuzz)[A-Z]\w+)\(`) // of a patch's, too
	rowName  = regexp.MustCompile(`\b[DE][1-9][0-9]?\b`)
	rowID    = regexp.MustCompile(`\bID:\s+"(\w+)"`)
)

// declared are what files below the folders declare, as the expression's first group has it.
func declared(t *testing.T, what *regexp.Regexp, folders ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			for _, m := range what.FindAllStringSubmatch(string(data), -1) {
				found[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestSecurityNamesWhatIsThere: each claim of SECURITY.md names the tests and the rows that show it.
func TestSecurityNamesWhatIsThere(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		name     *regexp.Regexp
		declared map[string]bool
	}{
		{testName, declared(t, testDecl, "pkg", "patches", "test")},
		{rowName, declared(t, rowID, "test/repro")},
	} {
		names := of.name.FindAllString(string(data), -1)
		if len(names) < 15 {
			t.Errorf("only %d names like %v are in it", len(names), of.name)
		}
		for _, name := range names {
			if !of.declared[name] {
				t.Errorf("there is no %s", name)
			}
		}
	}
}
