package queue

import (
	"context"
	"fmt"
	"path"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/git"
)

// carriedCheck is the name of checkCarried.
const carriedCheck = "patches are those of the newest minor"

// checkCarried finds that minor's series says something of each patch of the base, and that those of its own have taken
// in what the base says. It warns of shared ones that go into another function in repo, minor's tree, than where they are.
func checkCarried(ctx context.Context, co *checkout.Checkout, repo git.Repo, minor string) (warnings []string, err error) {
	f, err := readForm(co.Root)
	if err != nil {
		return nil, err
	}
	s, base := f.series[minor], f.base()
	if minor == base {
		return nil, errSkip(minor + " is the newest")
	}
	if !s.Listed {
		return nil, fmt.Errorf("patches/%s has no list of what it shares with patches/%s\nnext: make carry", minor, base)
	}
	lacking, unknown := f.untold(minor)
	var wrong []string
	for _, name := range lacking {
		wrong = append(wrong, fmt.Sprintf("it has not patches/%s, and does not say so", name))
	}
	for _, name := range unknown {
		wrong = append(wrong, fmt.Sprintf("it speaks of patches/%s, which is not there", name))
	}
	for _, e := range f.behind(minor) {
		wrong = append(wrong, fmt.Sprintf("patches/%s stands in for patches/%s, which has changed since", f.onDisk(minor, e), e.InPlaceOf))
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("patches/%s/series is not up to date:%s\nnext: make carry", minor, few(wrong))
	}
	return f.strayed(ctx, co, repo, minor)
}

// strayed lists the patches that minor, whose tree repo is, shares with another and that go into other functions there.
func (f *form) strayed(ctx context.Context, co *checkout.Checkout, repo git.Repo, minor string) ([]string, error) {
	stage, remove, err := aside(co)
	if err != nil {
		return nil, err
	}
	defer remove()
	if _, err := exportTree(ctx, repo, minor, stage); err != nil {
		return nil, err
	}
	there, err := readForm(stage)
	if err != nil {
		return nil, err
	}
	entries, as := f.entries(minor), there.entries(minor)
	var found []string
	for i, e := range entries {
		if i < len(as) && path.Dir(f.onDisk(minor, e.Entry)) != minor && e.text.placed() != as[i].text.placed() {
			found = append(found, fmt.Sprintf("patches/%s goes into another function in %s than in %s; look at it there (make compare-minors FROM=%[2]s)", f.onDisk(minor, e.Entry), minor, path.Dir(f.onDisk(minor, e.Entry))))
		}
	}
	return found, nil
}
