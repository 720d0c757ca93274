package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"fork.internal/apiserver/hack/internal/git"
)

// patch is the text of a patch, as git format-patch makes it.
type patch string

// cut parts the patch into what git am makes a commit of: the header, and the change.
func (p patch) cut() (header, change string) {
	text := string(p)
	if strings.HasPrefix(text, "diff --git ") {
		return "", text
	}
	if i := strings.Index(text, "\ndiff --git "); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return text, ""
}

// subject is what the patch is known by: the same in each minor.
func (p patch) subject() string {
	header, _ := p.cut()
	_, after, ok := strings.Cut("\n"+header, "\nSubject: ")
	if !ok {
		return ""
	}
	var words []string
	for i, line := range strings.Split(after, "\n") {
		if i > 0 && !strings.HasPrefix(line, " ") { // the header folds a long one
			break
		}
		words = append(words, strings.Fields(line)...)
	}
	return strings.TrimPrefix(strings.Join(words, " "), "[PATCH] ")
}

// message is the commit message that git am makes of the patch.
func (p patch) message(ctx context.Context, repo git.Repo) (string, error) {
	dir, err := os.MkdirTemp("", "fork-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	body := filepath.Join(dir, "body")
	info, err := repo.Feed(ctx, string(p), "mailinfo", "-b", "--encoding=UTF-8", body, os.DevNull)
	if err != nil {
		return "", err
	}
	_, subject, _ := strings.Cut("\n"+info, "\nSubject: ")
	subject, _, _ = strings.Cut(subject, "\n")
	data, err := os.ReadFile(body)
	return strings.TrimRight(subject+"\n\n"+string(data), "\n") + "\n", err
}

// saying is the patch without what only says where in upstream's files it goes: line numbers, the function that git
// names beside them, and the IDs of the files.
func (p patch) saying() string { return p.without(func(string) string { return "" }) }

// placed is saying with the names of the functions.
func (p patch) placed() string {
	return p.without(func(function string) string { return " " + declared.FindString(strings.TrimSpace(function)) })
}

// declared is the name in the line that git gives for a place in a file.
var declared = regexp.MustCompile(`^(func (\([^)]*\) )?\w+|(type|var|const) \w+|\w+)`)

func (p patch) without(place func(function string) string) string {
	header, change := p.cut()
	_, message, _ := strings.Cut("\n"+header, "\nSubject: ")
	var b strings.Builder
	b.WriteString(message)
	for line := range strings.Lines(change) {
		switch {
		case strings.HasPrefix(line, "index "):
		case strings.HasPrefix(line, "@@ -"):
			_, function, _ := strings.Cut(strings.TrimPrefix(line, "@@"), "@@")
			b.WriteString(strings.TrimRight("@@"+place(function), " \n") + "\n")
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// stamp identifies saying.
func (p patch) stamp() string {
	sum := sha256.Sum256([]byte(p.saying()))
	return hex.EncodeToString(sum[:8])
}

// changed counts the lines that the patch adds and removes.
func (p patch) changed() map[string]int {
	_, change := p.cut()
	count := map[string]int{}
	for line := range strings.Lines(change) {
		if (line[0] == '+' || line[0] == '-') && !strings.HasPrefix(line, "+++ ") && !strings.HasPrefix(line, "--- ") {
			count[line]++
		}
	}
	return count
}

// likeness is how much of what two patches change is the same, from 0 to 1.
func likeness(a, b patch) float64 {
	x, y := a.changed(), b.changed()
	both, all := 0, 0
	for line, n := range x {
		both += min(n, y[line])
		all += max(n, y[line])
	}
	for line, n := range y {
		if x[line] == 0 {
			all += n
		}
	}
	if all == 0 {
		return 0
	}
	return float64(both) / float64(all)
}

// numbered is a patch's file name with the number of its place, from 1.
func numbered(n int, name string) string {
	base := path.Base(name)
	if digits := len(base) - len(strings.TrimLeft(base, "0123456789")); digits == 4 && strings.HasPrefix(base[digits:], "-") {
		base = base[digits+1:]
	}
	return fmt.Sprintf("%04d-%s", n, base)
}
