package queue

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
	"fork.internal/apiserver/hack/internal/pins"
)

// SeriesInfo is what a minor has in common with the base, the newest minor.
type SeriesInfo struct {
	// Base is the newest minor.
	Base string `json:"base"`
	// Shared is the number of patches that are the base's.
	Shared int `json:"shared"`
	// Own are the minor's own patches, below patches/: all of them, if it is the base.
	Own []string `json:"own"`
	// Lent are those that it has in a file of a minor's between it and the base.
	Lent []string `json:"lent,omitempty"`
	// Without are the base's patches that the minor does not have.
	Without []string `json:"without,omitempty"`
}

// intent is why a refresh of the tree writes patches.
func (s state) intent() intent {
	switch {
	case s.Carry:
		return caughtUp
	case s.From != "" && pins.MinorOf(s.From) != pins.MinorOf(s.Tag):
		return caughtUp
	case s.From != "":
		return moved
	}
	return edited
}

// reformed is what patches/ says, and what it has to say for the tree that out is the export of and fresh is made of.
func reformed(ctx context.Context, co *checkout.Checkout, p *pins.Pins, fresh git.Repo, out export, why intent) (before, after *form, err error) {
	if before, err = readForm(co.Root); err != nil {
		return nil, nil, err
	}
	if after, err = readForm(co.Root); err != nil {
		return nil, nil, err
	}
	if err = after.reform(ctx, fresh, out, why); err != nil {
		return nil, nil, err
	}
	if base := after.base(); base == out.minor && (why != edited || base != before.base()) {
		err = after.keepOthers(ctx, co, p, before, base)
	}
	return before, after, err
}

// staged has dir, which holds an export of minor, hold all of f in place of its patches, and reads that.
func staged(dir string, f *form, minor string) (inputs, error) {
	if err := os.RemoveAll(filepath.Join(dir, "patches")); err != nil {
		return inputs{}, err
	}
	if err := f.write(dir); err != nil {
		return inputs{}, err
	}
	return readInputs(dir, minor)
}

// whole is in's sums of pkg/, and those of patches.
func whole(in inputs, patches map[string]string) map[string]string {
	sums := maps.Clone(patches)
	for _, name := range in.pkg() {
		sums[name] = in.sums[name]
	}
	return sums
}

// info says where the patches of minor are.
func (f *form) info(minor string) SeriesInfo {
	s := f.series[minor]
	info := SeriesInfo{Base: f.base(), Without: s.Without}
	for _, e := range s.Entries {
		from, lent := f.lent(minor, e)
		switch {
		case lent:
			info.Lent = append(info.Lent, path.Join("patches", from.Path))
		case s.Own(e):
			info.Own = append(info.Own, path.Join("patches", e.Path))
		default:
			info.Shared++
		}
	}
	return info
}

// toCarry lists the minors, other than minor, whose patches after has changed, or some of which are behind.
func toCarry(before, after *form, minor string) []string {
	var others []string
	for _, other := range after.minors() {
		same := slices.EqualFunc(before.entries(other), after.entries(other), func(a, b named) bool { return a.text.saying() == b.text.saying() })
		if other != minor && (!same || len(after.behind(other)) > 0) {
			others = append(others, other)
		}
	}
	return others
}
