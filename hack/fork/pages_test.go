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
