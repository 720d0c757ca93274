package queue

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/git"
)

// signaturesCheck names the check that is checkSignatures.
const signaturesCheck = "exported signatures are upstream's"

// checkSignatures finds each exported function and method of the files that patches change as the tag has it, wherever
// in its package it is now: those who build with the fork call them, assign them and implement interfaces with them.
func checkSignatures(ctx context.Context, repo git.Repo) error {
	changed, err := repo.Lines(ctx, "\x00", "diff", "--name-only", "-z", "--no-renames", "--diff-filter=MD", refBase, "HEAD", "--", ":(glob)**/*.go")
	if err != nil {
		return err
	}
	dirs := map[string]bool{}
	for _, name := range changed {
		dirs[path.Dir(name)] = true
	}
	var wrong []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		before, err := signatures(ctx, repo, refBase, dir)
		if err != nil {
			return err
		}
		after, err := signatures(ctx, repo, "HEAD", dir)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(before)) {
			switch now, there := after[name]; {
			case !there:
				wrong = append(wrong, fmt.Sprintf("%s: %s is gone", dir, name))
			case now != before[name]:
				wrong = append(wrong, fmt.Sprintf("%s: %s is %s, and not %s", dir, name, now, before[name]))
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("these were upstream's:%s\nnext: give them back what they had, and add a function with another name beside them; then make refresh", few(wrong))
	}
	return nil
}

// signatures maps the exported functions and methods of the package in dir to their types.
func signatures(ctx context.Context, repo git.Repo, ref, dir string) (map[string]string, error) {
	names, err := repo.Lines(ctx, "\x00", "ls-tree", "-z", "--name-only", ref, "--", dir+"/")
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, name := range names {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, _, err := readAt(ctx, repo, ref, name)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("cannot be read as Go: %w", err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() {
				continue
			}
			key := f.Name.Name
			if f.Recv != nil && len(f.Recv.List) > 0 {
				key = "(" + types.ExprString(f.Recv.List[0].Type) + ")." + key
			}
			found[key] = types.ExprString(f.Type)
		}
	}
	return found, nil
}
