package queue

import (
	"encoding/json"
	"os"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/pins"
)

// format is the version of what a tree looks like. A tree of another format is made anew.
const format = 1

// The refs of a tree, beside branch main.
const (
	refBase = "refs/fork/base" // the pristine tag
	refPkg  = "refs/fork/pkg"  // base and the files of pkg/; the patches begin here
	refHead = "refs/fork/head" // the last commit that pkg/ and patches/ are known to say
	refFrom = "refs/fork/from" // after a rebase: the other tag's refHead, where `rebase --abort` goes
	// refFromBase is the other tag's refBase.
	refFromBase = "refs/fork/frombase"
)

// state is .git/fork.json: what a tree was made from. It is written last, when everything else in
// the tree is there.
type state struct {
	Format int    `json:"format"`
	Tag    string `json:"tag"`
	// Inputs is inputs.hash of what the tree was made from.
	Inputs string `json:"inputs"`
	// Files is inputs.sums at that time.
	Files map[string]string `json:"files"`
	// Complete is whether every patch went in. It stays false after a conflict, until a refresh.
	Complete bool `json:"complete"`
	// Pending is the pin that a refresh adds: the tree was made by a rebase to a tag without one.
	Pending *pins.Tag `json:"pending,omitempty"`
	// From is the tag whose patches a rebase has brought here, until a refresh.
	From string `json:"from,omitempty"`
	// Carry is whether the tree is what Carry makes of the minor's patches, to be refreshed.
	Carry bool `json:"carry,omitempty"`
}

func statePath(dir string) string { return filepath.Join(dir, ".git", "fork.json") }

func (s state) save(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return atomicWrite(statePath(dir), append(data, '\n'))
}

// loadState reads dir's state; ok is false when dir is not a tree that this tool made.
func loadState(dir string) (s state, ok bool) {
	data, err := os.ReadFile(statePath(dir))
	if err != nil || json.Unmarshal(data, &s) != nil {
		return state{}, false
	}
	return s, s.Tag != ""
}
