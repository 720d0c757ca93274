package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// spec is what ginkgo's report says of one.
type spec struct {
	name    string
	labels  []string
	state   string // as ginkgo has it
	run     bool   // it was begun
	seconds float64
	why     string // it has failed, or was skipped
	image   string // what a node could not get meanwhile; empty if nothing
}

// specs are they, in the order of the report.
type specs []spec

// ginkgoReport is the part of ginkgo's report (its package types) that matters here.
type ginkgoReport struct {
	SpecReports []struct {
		ContainerHierarchyTexts                       []string
		ContainerHierarchyLabels                      [][]string
		LeafNodeType, LeafNodeText                    string
		LeafNodeLabels                                []string
		State                                         string
		NumAttempts                                   int
		RunTime                                       time.Duration
		Failure                                       struct{ Message string }
		CapturedGinkgoWriterOutput, CapturedStdOutErr string
	}
}

// readReport reads a report. The error is of what has failed beside the specs, too.
func readReport(path string) (specs, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var reports []ginkgoReport
	if err := json.Unmarshal(data, &reports); err != nil {
		return nil, fmt.Errorf("ginkgo's report: %w", err)
	}
	var all specs
	for _, report := range reports {
		for _, r := range report.SpecReports {
			s := spec{
				name:   strings.Join(append(slices.Clone(r.ContainerHierarchyTexts), r.LeafNodeText), " "),
				labels: slices.Concat(append(r.ContainerHierarchyLabels, r.LeafNodeLabels)...),
				state:  r.State, run: r.NumAttempts > 0, seconds: r.RunTime.Seconds(), why: r.Failure.Message,
			}
			if r.LeafNodeType != "It" {
				if s.failed() {
					return nil, fmt.Errorf("the suite's %s has failed: %s", r.LeafNodeType, firstLines(s.why))
				}
				continue
			}
			if s.failed() {
				s.image = noImage(r.CapturedGinkgoWriterOutput, r.CapturedStdOutErr, s.why)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// failed says that it has, in whichever way.
func (s spec) failed() bool {
	return s.state != "passed" && s.state != "skipped" && s.state != "pending"
}

// group is its special interest group.
func (s spec) group() string {
	for _, l := range s.labels {
		if strings.HasPrefix(l, "sig-") {
			return l
		}
	}
	return "none"
}

// chosen are those that a dry run would have run.
func (all specs) chosen() specs {
	return slices.DeleteFunc(slices.Clone(all), func(s spec) bool { return s.state != "passed" })
}

// ran are those that were begun.
func (all specs) ran() specs {
	return slices.DeleteFunc(slices.Clone(all), func(s spec) bool { return !s.run })
}

// failures are those that have failed.
func (all specs) failures() specs {
	return slices.DeleteFunc(slices.Clone(all), func(s spec) bool { return !s.failed() })
}

// without are all but those of some others' names.
func (all specs) without(others specs) specs {
	return slices.DeleteFunc(slices.Clone(all), func(s spec) bool { return others.find(s.name) != nil })
}

func (all specs) find(name string) *spec {
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

func (all specs) names() []string {
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}

// pulling is how a kubelet says that there is no image to be had, in an event, which the tests tell when they fail.
var pulling = regexp.MustCompile(`(?:Failed to pull|Back-off pulling) image \\*"([^"\\]+)\\*"`)

// noImage is the image that is missing by what a spec has printed.
func noImage(said ...string) string {
	for _, s := range said {
		if m := pulling.FindStringSubmatch(s); m != nil {
			return m[1]
		}
	}
	return ""
}

// firstLines is the beginning of what a test says of its failure, on one line.
func firstLines(why string) string {
	words := strings.Join(strings.Fields(why), " ")
	return words[:min(len(words), 300)]
}
