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
	// Luck is set if it need not be there in any.
	Luck bool
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
	all    values // of the case's other fields
}

// sent is the status that the fork's client got, or 0.
func (v seenValue) sent() string {
	for _, s := range v.all["status"][fork] {
		if code := (answer{Status: s}).code(); code != "0" {
			return code
		}
	}
	return "0"
}

// isOne reports whether the value is one record: a line of the HTTP log, or one audit event with which the request is over.
func (v seenValue) isOne() bool {
	final := 0
	for _, line := range strings.Split(v.value, "\n") {
		if loggedCode.MatchString(line) || strings.HasPrefix(line, "hijacked=true") || auditedCode.MatchString(line) {
			final++
		}
	}
	return final == 1
}

// saysWhatWasSent reports whether the value is of a record whose status is the one that was sent.
func (v seenValue) saysWhatWasSent() bool {
	lines := strings.Split(v.value, "\n")
	last := lines[len(lines)-1]
	m := loggedCode.FindStringSubmatch(last)
	code := ""
	if m != nil {
		code = m[1]
	} else if m = auditedCode.FindStringSubmatch(last); m != nil {
		code = m[2]
	}
	return code == v.sent()
}

// says reports whether upstream's value has one of these in it.
func (v seenValue) says(texts ...string) bool {
	return slices.ContainsFunc(v.bySide[upstream], func(s string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(s, text) })
	})
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
// A handler alone has nobody who would send its warnings.
func (v seenValue) like(side string, change func(string) string) bool {
	without := func(s string) string {
		lines := withoutAdded(strings.Split(s, "\n"))
		if side == plain {
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(strings.ToLower(line), "warning: ") })
		}
		return strings.Join(lines, "\n")
	}
	return slices.ContainsFunc(v.bySide[side], func(s string) bool { return without(change(s)) == without(v.value) })
}
