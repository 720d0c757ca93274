package main

import (
	"slices"
	"strings"
)

// allowance is an entry of the table of differences: one from upstream that is meant.
type allowance struct {
	// Row names it: a row of the table of defects, mostly. A row may have several entries.
	Row string
	// Why says what the fork does instead, and why.
	Why string
	// At are the names of scenarios in which it must be there, in one of its
	// fields at least, over each of their protocols; or NAME@PROTOCOL. When, if
	// it is not nil, says where else it may be there.
	At   []string
	When func(kase) bool
	// Fields are those of the observation that may differ.
	Fields []string
	// Is says whether the fork may show that value. If it is nil, the fork shows
	// what a handler alone does.
	Is func(seenValue) bool
}

// seenValue is a value that the fork has shown, and what the others have.
type seenValue struct {
	kase
	field  string
	value  string
	bySide map[string][]string
}

// at reports whether the difference must be there in a case.
func (a allowance) at(c kase) bool {
	return slices.Contains(a.At, c.Name) || slices.Contains(a.At, c.Name+"@"+c.proto)
}

// about reports whether it is about a field of a case.
func (a allowance) about(c kase, field string) bool {
	return slices.Contains(a.Fields, field) && (a.at(c) || a.When != nil && a.When(c))
}

func (a allowance) allows(v seenValue) bool {
	if a.Is == nil {
		return v.likePlain()
	}
	return a.Is(v)
}

// likePlain reports whether the value is that of a handler alone, but for what the chain adds.
func (v seenValue) likePlain() bool { return v.like(plain, func(s string) string { return s }) }

// like reports whether the value is one of another side's, changed in that way.
func (v seenValue) like(side string, change func(string) string) bool {
	without := func(s string) string { return strings.Join(withoutAdded(strings.Split(s, "\n")), "\n") }
	return slices.ContainsFunc(v.bySide[side], func(s string) bool { return without(change(s)) == without(v.value) })
}
