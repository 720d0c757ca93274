package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// report is what a comparison has found.
type report struct {
	// Scenarios and Cases are how many were compared. A case is a scenario over a protocol.
	Scenarios int `json:"scenarios"`
	Cases     int `json:"cases"`
	// Differences are those that nothing allows.
	Differences []difference `json:"differences"`
	// Allowed is how many cases differ as each row of the table of differences allows.
	Allowed map[string]int `json:"allowed"`
	// Stale are the rows that allow what is not there, with the case.
	Stale []stale `json:"stale"`
	// Own is how many cases differ between upstream and a handler alone, and
	// are in the fork as they are upstream.
	Own int `json:"own"`
	// Hasty is how many cases the fork showed something else of while much was going on, which does not count.
	Hasty int `json:"hasty"`
	// Failed says which cases could not be played, and which sides are missing.
	Failed []failure `json:"failed"`
}

// failure is a case that could not be played on a side. The scenario is empty if it is about them all.
type failure struct {
	Scenario string `json:"scenario,omitempty"`
	Proto    string `json:"proto,omitempty"`
	Side     string `json:"side,omitempty"`
	Why      string `json:"why"`
}

// difference is one field of a case that is not what it should be.
type difference struct {
	Scenario string `json:"scenario"`
	Proto    string `json:"proto"`
	Field    string `json:"field"`
	// Plain, Upstream and Fork are what was seen, each value once.
	Plain    []string `json:"plain"`
	Upstream []string `json:"upstream"`
	Fork     []string `json:"fork"`
	// Near names the rows of the table that are about such cases and this
	// field, but allow something else.
	Near []string `json:"near,omitempty"`
	// Script is the scenario.
	Script string `json:"script"`
}

type stale struct {
	Row      string `json:"row"`
	Scenario string `json:"scenario"`
	Proto    string `json:"proto"`
	// Fields are those that should differ.
	Fields []string `json:"fields"`
}

// kase is a scenario over a protocol.
type kase struct {
	*scenario
	proto string
}

// values are the values of the fields of a case, by side, each value once.
type values map[string]map[string][]string

func (v values) add(side string, o observation) {
	for _, f := range o.fields() {
		if v[f.name] == nil {
			v[f.name] = map[string][]string{}
		}
		if !slices.Contains(v[f.name][side], f.value) {
			v[f.name][side] = append(v[f.name][side], f.value)
		}
	}
}

// compareFile compares what is in a file, and prints a report.
func compareFile(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want one file, which `same play` has written; got %q", args)
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	var all []seen
	for dec := json.NewDecoder(f); ; {
		var s seen
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		all = append(all, s)
	}
	r, err := compare(all, allowances)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// compare compares what was seen. The races that a server has may show it in
// several ways: what the fork shows must be among what upstream does. Where it
// is a matter of times, what the fork shows in calm counts, and of that what it
// shows while the machine does not stand still.
func compare(all []seen, table []allowance) (report, error) {
	r := report{Differences: []difference{}, Allowed: map[string]int{}, Stale: []stale{}, Failed: []failure{}}
	var cases []kase
	found := map[kase]values{}
	scenarios := map[string]*scenario{}
	playedInCalm := map[string]bool{}
	best := map[string]int{} // how little disturbed the least disturbed observation is, of each side of a case
	for _, s := range all {
		if s.Error == "" {
			best[s.of()] = max(best[s.of()], s.peace())
			playedInCalm[s.of()] = playedInCalm[s.of()] || s.Calm
		}
	}
	var hasty []seen // those of the fork that do not count
	for _, s := range all {
		if scenarios[s.Scenario] == nil {
			known, err := find(s.Scenario)
			if err != nil {
				return r, err
			}
			scenarios[s.Scenario] = known[0]
		}
		c := kase{scenarios[s.Scenario], s.Proto}
		if s.Error != "" {
			// One that could not be played while the machine was busy, and could in calm, was the machine's.
			if s.Calm || !playedInCalm[s.of()] {
				r.Failed = append(r.Failed, failure{s.Scenario, s.Proto, s.Side, s.Error})
			}
			continue
		}
		if c.timed() && s.peace() < best[s.of()] {
			if s.Side == fork {
				hasty = append(hasty, s)
			}
			continue
		}
		if found[c] == nil {
			found[c] = values{}
			cases = append(cases, c)
		}
		found[c].add(s.Side, s.Observation)
		if s.Side == upstream {
			found[c].add("upstream without the chain", s.Observation.withoutAdded())
		}
	}
	r.Scenarios, r.Cases = len(scenarios), len(cases)
	r.Hasty = countHasty(hasty, scenarios, found)
	slices.SortFunc(cases, func(a, b kase) int {
		return strings.Compare(a.Name+" "+a.proto, b.Name+" "+b.proto)
	})
	for _, c := range cases {
		r.judge(c, found[c], table)
		// What a side has not played differs in nothing.
		for _, side := range []string{plain, upstream, fork} {
			_, played := best[seen{Scenario: c.Name, Proto: c.proto, Side: side}.of()]
			said := slices.ContainsFunc(r.Failed, func(f failure) bool {
				return f.Scenario == c.Name && f.Proto == c.proto && f.Side == side
			})
			if !played && !said {
				r.Failed = append(r.Failed, failure{c.Name, c.proto, side, "it was not played"})
			}
		}
	}
	if len(cases) == 0 && len(r.Failed) == 0 {
		r.Failed = append(r.Failed, failure{Why: "no case was played"})
	}
	return r, nil
}

// of tells the observations of one side of a case from others.
func (s seen) of() string { return s.Scenario + "@" + s.Proto + " " + s.Side }

// peace is how little has disturbed what a case shows: that little else was
// going on is worth more than that the machine did not stand still. That is so
// of the fork: what upstream shows is allowed however busy it is.
func (s seen) peace() (peace int) {
	if s.Calm && s.Side == fork {
		peace += 2
	}
	if !s.Unsteady {
		peace++
	}
	return peace
}

// countHasty counts the cases of which the fork has shown something else while
// more was going on than where it counts. What no haste makes counts all the
// same: that a server took for a request what nobody had sent as one.
func countHasty(hasty []seen, scenarios map[string]*scenario, found map[kase]values) int {
	cases := map[kase]bool{}
	for _, s := range hasty {
		c := kase{scenarios[s.Scenario], s.Proto}
		v := found[c]
		for _, f := range s.Observation.fields() {
			if slices.Contains(v[f.name][fork], f.value) {
				continue
			}
			cases[c] = true
			if f.name == "served" && strings.Contains(f.value, smuggledPath) {
				v[f.name][fork] = append(v[f.name][fork], f.value)
			}
		}
	}
	return len(cases)
}

// judge compares one case.
func (r *report) judge(c kase, v values, table []allowance) {
	used, before := map[int]bool{}, len(r.Differences)
	own := false
	for _, f := range (&observation{}).fields() {
		bySide := v[f.name]
		own = own || f.name != "audit" && f.name != "log" && f.name != "order" && !subset(bySide["upstream without the chain"], bySide[plain])
		var near []string
		allowed := true
		for _, value := range bySide[fork] {
			if f.name == "records" && !c.contradicts(value) {
				continue
			}
			// Records that contradict what the client saw are never right.
			if f.name != "records" && slices.Contains(bySide[upstream], value) {
				continue
			}
			ok := false
			for i, a := range table {
				if !a.about(c, f.name) {
					continue
				}
				if a.allows(seenValue{c, f.name, value, bySide, v}) {
					ok, used[i] = true, true
				} else {
					near = append(near, a.Row)
				}
			}
			allowed = allowed && ok
		}
		if !allowed {
			r.Differences = append(r.Differences, difference{
				Scenario: c.Name, Proto: c.proto, Field: f.name, Near: near, Script: c.String(),
				Plain: bySide[plain], Upstream: bySide[upstream], Fork: bySide[fork],
			})
		}
	}
	for i, a := range table {
		if !used[i] && a.at(c) && !wavers(a, c, v) {
			r.Stale = append(r.Stale, stale{Row: a.Row, Scenario: c.Name, Proto: c.proto, Fields: a.Fields})
		}
	}
	for _, row := range rowsOf(table, used) {
		r.Allowed[row]++
	}
	if own && len(used) == 0 && len(r.Differences) == before {
		r.Own++
	}
}

// wavers reports whether upstream shows now this, now that where an entry says
// that the fork differs: it may have shown what the fork does, with luck.
func wavers(a allowance, c kase, v values) bool {
	return c.timed() && slices.ContainsFunc(a.Fields, func(field string) bool { return len(v[field][upstream]) > 1 })
}

// contradicts reports whether that contradiction of the records is the chain's.
// In one of somebody's own the HTTP log stands outside the timeout filter, and
// says of an answer what it sees of it.
func (c kase) contradicts(value string) bool {
	if value == "" || !c.recordable() {
		return false
	}
	return c.Server.Build != "own" || slices.ContainsFunc(strings.Split(value, "; "), func(s string) bool {
		return !strings.Contains(s, "the HTTP log says")
	})
}

// recordable reports whether the chain can know what the client saw: who has
// hijacked the connection says what he likes on it, what is written after a
// write deadline never leaves, what a client that has gone took in is unknown,
// and what an outer filter answers by itself is not the chain's.
func (c kase) recordable() bool {
	return !c.does("hijack", "writedeadline") && !clientGoes(c) && !hasWriter(c, "finds", "recovers", "recovers500")
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// rowsOf returns the rows of the entries that were used, each once.
func rowsOf(table []allowance, used map[int]bool) (rows []string) {
	for i, a := range table {
		if used[i] && !slices.Contains(rows, a.Row) {
			rows = append(rows, a.Row)
		}
	}
	return rows
}
