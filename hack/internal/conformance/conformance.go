// Package conformance runs upstream's own end-to-end tests on a kind cluster whose control plane is the fork's. What
// fails there is run again on a cluster of the unmodified kube-apiserver: only a difference is a failure, and nobody
// types in what is known to fail.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/kindtest"
	"fork.internal/apiserver/hack/internal/pins"
)

// The clusters' names.
const (
	forkCluster       = "conformance-fork"
	unmodifiedCluster = "conformance-unmodified"
)

// Options say what is run.
type Options struct {
	// Tag is the pinned tag; empty means the newest.
	Tag string
	// Focus is a regular expression that the names of the specs match; empty means the Conformance of those special
	// interest groups whose subject is the API server and what goes through it.
	Focus string
}

// Report is what a run did.
type Report struct {
	Tag string `json:"tag"`
	// Release is that of Kubernetes, the tests and all that is in the clusters.
	Release string `json:"release"`
	// Server is what the fork's kube-apiserver says of its version.
	Server string `json:"server"`
	// Labels and Focus are what ginkgo chose the specs by.
	Labels string `json:"labels"`
	Focus  string `json:"focus,omitempty"`
	// LeftOut is how many others there are that are Serial or Disruptive.
	LeftOut int `json:"leftOut"`
	// Specs are those that were chosen, by name.
	Specs []Spec `json:"specs"`
	// Seconds are those that each part took.
	Parts []kindtest.Part `json:"parts"`
	// Logs is the directory with what ginkgo has printed.
	Logs string `json:"logs"`
}

// Run runs the tests. The error says that some differ, or that they could not be run; there is a report if they were.
func Run(ctx context.Context, co *checkout.Checkout, o Options) (*Report, error) {
	pin, err := o.check(co)
	if err != nil {
		return nil, err
	}
	if err := kindtest.Free(ctx, co, forkCluster, unmodifiedCluster); err != nil {
		return nil, err
	}
	p, err := makePrograms(ctx, co, pin.Tag)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(co.Output(), "conformance")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, err
	}
	all, err := p.list(ctx, co, dir, o.selection(nil))
	if err != nil {
		return nil, err
	}
	s := o.selection(alone)
	some, err := p.list(ctx, co, dir, s)
	if err != nil {
		return nil, err
	}
	chosen := some.chosen()
	leftOut := len(all.chosen()) - len(chosen)
	if len(chosen) == 0 {
		return nil, o.nothing(len(all), leftOut, co.Rel(p.tests))
	}
	fmt.Fprintf(co.Err, "%d of %d specs: %s; %d more are Serial or Disruptive, and left out\n", len(chosen), len(all), s, leftOut)
	r := &run{co: co, programs: p, dir: dir, report: &Report{
		Tag: pin.Tag, Release: pin.Consumer, Labels: s.labels, Focus: s.focus, LeftOut: leftOut, Logs: co.Rel(dir),
	}}
	err = r.onClusters(ctx, s, chosen)
	return r.report, err
}

// check fails for what cannot be run.
func (o Options) check(co *checkout.Checkout) (pins.Tag, error) {
	p, pin, err := pins.Find(co.Pins(), o.Tag)
	if err != nil {
		return pin, err
	}
	if pin.Consumer == "" {
		return pin, fmt.Errorf("%s is pinned without its %s, whose tests these are; next: make pins ADD=%[1]s looks for it again", pin.Tag, p.Consumer)
	}
	if _, err := regexp.Compile(o.Focus); err != nil {
		return pin, fmt.Errorf("FOCUS= takes a regular expression: %w; next: put a backslash before what is meant as it stands", err)
	}
	return pin, nil
}

// nothing is the error of a focus on none of so many specs but for some that are left out.
func (o Options) nothing(all, leftOut int, program string) error {
	if leftOut > 0 {
		return fmt.Errorf("all %d specs that FOCUS=%s matches are Serial or Disruptive, which are left out; next: another FOCUS=; %s --list-tests lists all", leftOut, o.Focus, program)
	}
	return fmt.Errorf("FOCUS=%s matches none of %d specs; next: %s --list-tests, which lists them", o.Focus, all, program)
}

// groups are the special interest groups whose Conformance is run.
var groups = []string{"sig-api-machinery", "sig-auth", "sig-cli", "sig-node"}

// selection is what ginkgo chooses specs by.
type selection struct{ labels, focus string }

// alone are the labels of specs that are not run: others have to stand still beside them, or the cluster is no longer what it was.
var alone = []string{"Serial", "Disruptive"}

// selection chooses by the focus, or by the groups, what has none of some labels.
func (o Options) selection(without []string) selection {
	var labels []string
	if o.Focus == "" {
		labels = append(labels, "Conformance", "("+strings.Join(groups, " || ")+")")
	}
	for _, l := range without {
		labels = append(labels, "!"+l)
	}
	return selection{labels: strings.Join(labels, " && "), focus: o.Focus}
}

func (s selection) String() string {
	if s.focus == "" {
		return s.labels
	}
	return fmt.Sprintf("%q, %s", s.focus, s.labels)
}

// exactly chooses the specs of those names.
func exactly(names []string) selection {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	// ginkgo has the suite's own name before a spec's.
	return selection{focus: " (" + strings.Join(quoted, "|") + ")$"}
}
