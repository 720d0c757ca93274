// Package chain compares the fork's order of the filters with upstream's. The fork has a function of its own for it,
// which nothing in Go keeps from missing a filter that upstream adds. It reads Go's syntax only, and therefore goes
// by names.
package chain

import (
	"fmt"
	"slices"
	"strings"
)

// Where the two orders are, below the module's root. In the fork, Func hands over to BoundedFunc before the first
// filter that the fork moves.
const (
	File        = "pkg/server/config.go"
	Func        = "DefaultBuildHandlerChain"
	BoundedFile = "pkg/server/bounded_chain.go"
	BoundedFunc = "boundedChain"
)

// timeout is the filter that upstream's requests are bounded by, boundary the one that takes its place in the fork.
const (
	timeout  = "WithTimeoutForNonLongRunningRequests"
	boundary = "WithBoundary"
)

// own are the filters that only the fork has, in either function.
var own = []string{"WithRejectedDeadline", "RejectWithin", "WithWatchWriteTimeout", "withDeadlinePolicy", "withUserDeadlinePolicy", "withSeat"}

// Sources are the contents of the files that are compared.
type Sources struct {
	// Upstream is the tag's File, Fork the tree's, Bounded the tree's BoundedFile; empty where there is none.
	Upstream, Fork, Bounded string
}

// Compare lists what is wrong with the fork's order, one thing in each string. In order, it is upstream's filters
// with upstream's conditions and arguments, each side of the boundary in upstream's order, and none outside that
// upstream has inside. The error is a file that is not as it must be for a comparison.
func Compare(s Sources) (wrong []string, err error) {
	upstream, err := filters(File, s.Upstream, Func)
	if err != nil {
		return nil, err
	}
	fork, err := filters(File, s.Fork, Func)
	if err != nil {
		return nil, err
	}
	bounded, err := filters(BoundedFile, s.Bounded, BoundedFunc)
	if err != nil {
		return nil, err
	}
	fork = slices.DeleteFunc(fork, func(f filter) bool { return slices.Contains(own, f.short()) })
	hook := only(fork, BoundedFunc)
	if hook < 0 || !fork[hook].returned {
		return nil, fmt.Errorf("%s of the fork does not return %s(...), or not once", Func, BoundedFunc)
	}
	if theirs, ours := differ(upstream, slices.Delete(slices.Clone(fork), hook, hook+1)); theirs != ours {
		return nil, fmt.Errorf("%s of the fork is not upstream's beside %s: it has %s where upstream has %s", Func, BoundedFunc, ours, theirs)
	}
	rest := upstream[hook:]
	bound, with := only(rest, timeout), only(bounded, boundary)
	switch {
	case bound < 0:
		return nil, fmt.Errorf("upstream's %s does not call %s, or not once, or within %s", Func, timeout, BoundedFunc)
	case with < 0:
		return nil, fmt.Errorf("%s does not call %s, or not once", BoundedFunc, boundary)
	}
	m := match(rest, bounded)
	return slices.Concat(m.lost(bound), m.surplus(with), m.moved(bound, with), m.changed()), nil
}

// only is the place of the one filter of that name, or -1.
func only(all []filter, name string) int {
	at := -1
	for i, f := range all {
		if f.short() == name {
			if at >= 0 {
				return -1
			}
			at = i
		}
	}
	return at
}

// differ finds the first place in which two orders differ, and what each has there.
func differ(a, b []filter) (inA, inB string) {
	for i := range max(len(a), len(b)) {
		inA, inB = "nothing", "nothing"
		if i < len(a) {
			inA = a[i].String()
		}
		if i < len(b) {
			inB = b[i].String()
		}
		if i >= len(a) || i >= len(b) || !a[i].same(b[i]) {
			return inA, inB
		}
	}
	return "", ""
}

// matched are upstream's filters and the fork's, each with the place of its like among the others, or -1.
type matched struct {
	upstream, fork     []filter
	inFork, inUpstream []int
}

func match(upstream, fork []filter) matched {
	m := matched{upstream, fork, make([]int, len(upstream)), slices.Repeat([]int{-1}, len(fork))}
	for i, u := range upstream {
		m.inFork[i] = -1
		for j, f := range fork {
			if m.inUpstream[j] < 0 && f.key == u.key {
				m.inFork[i], m.inUpstream[j] = j, i
				break
			}
		}
	}
	return m
}

// lost are upstream's filters that the fork has not.
func (m matched) lost(bound int) (wrong []string) {
	for i, u := range m.upstream {
		if m.inFork[i] >= 0 || i == bound {
			continue
		}
		var where []string
		if i > 0 {
			where = append(where, "after "+m.upstream[i-1].name)
		}
		if i+1 < len(m.upstream) {
			where = append(where, "before "+m.upstream[i+1].name)
		}
		wrong = append(wrong, fmt.Sprintf("%s lacks %s, which upstream has %s", BoundedFunc, u, strings.Join(where, " and ")))
	}
	return wrong
}

// surplus are the fork's filters that are neither upstream's nor its own.
func (m matched) surplus(with int) (wrong []string) {
	for j, f := range m.fork {
		if m.inUpstream[j] < 0 && j != with && !slices.Contains(own, f.short()) {
			wrong = append(wrong, fmt.Sprintf("%s has %s, and upstream has not", BoundedFunc, f))
		}
	}
	return wrong
}

// moved are the fork's filters that are not in upstream's order, or on the wrong side of the boundary.
func (m matched) moved(bound, with int) (wrong []string) {
	last := -1
	for j, f := range m.fork {
		i := m.inUpstream[j]
		switch {
		case j == with:
			last = -1
		case i < 0:
		case j > with && i < bound:
			wrong = append(wrong, fmt.Sprintf("%s has %s outside of %s, and upstream has it inside", BoundedFunc, f.name, boundary))
		case i < last:
			wrong = append(wrong, fmt.Sprintf("%s has %s after %s, and upstream before", BoundedFunc, f.name, m.upstream[last].name))
		default:
			last = i
		}
	}
	return wrong
}

// changed are the filters that the fork calls with other arguments, or under other conditions.
func (m matched) changed() (wrong []string) {
	for j, f := range m.fork {
		if i := m.inUpstream[j]; i >= 0 && !f.same(m.upstream[i]) {
			wrong = append(wrong, fmt.Sprintf("%s has %s, and upstream %s", BoundedFunc, f, m.upstream[i]))
		}
	}
	return wrong
}
