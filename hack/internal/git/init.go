package git

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// config is what a tree says about itself, so that also a git that is run by hand in it, with its
// user's configuration, neither normalises a byte nor waits for a key or a hook.
const config = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
	logallrefupdates = true
	autocrlf = false
	safecrlf = false
	hooksPath = /dev/null
	excludesFile = /dev/null
	attributesFile = /dev/null
	fsmonitor = false
[user]
	name = ` + Name + `
	email = ` + Email + `
	useConfigOnly = true
[commit]
	gpgsign = false
[gc]
	auto = 0
[maintenance]
	auto = false
[am]
	keepcr = true
	threeWay = false
[rebase]
	autosquash = false
	updateRefs = false
[apply]
	whitespace = nowarn
	ignoreWhitespace = no
[rerere]
	enabled = false
`

// attributes overrides every .gitattributes that upstream has: bytes in, bytes out.
const attributes = "* -text !eol -ident !filter !working-tree-encoding !diff !merge !whitespace\n"

// Init makes the repository, on branch main, in its directory, which must exist and may hold files.
func (r Repo) Init(ctx context.Context) error {
	if _, err := r.Run(ctx, "init", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.Dir, ".git", "config"), []byte(config), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(r.Dir, ".git", "info"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Dir, ".git", "info", "attributes"), []byte(attributes), 0o644)
}

// CommitAll commits every file in the work tree, ignored ones included, and returns the commit's ID.
func (r Repo) CommitAll(ctx context.Context, message string) (string, error) {
	if _, err := r.Run(ctx, "add", "--all", "--force", "."); err != nil {
		return "", err
	}
	if _, err := r.Feed(ctx, message, "commit", "--quiet", "--no-verify", "--allow-empty", "--cleanup=verbatim", "--file=-"); err != nil {
		return "", err
	}
	return r.Run(ctx, "rev-parse", "HEAD")
}

// IsAncestor says whether commit a is b or one of its ancestors.
func (r Repo) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	out, err := r.Run(ctx, "rev-list", "--max-count=1", a, "^"+b)
	return err == nil && strings.TrimSpace(out) == "", err
}
