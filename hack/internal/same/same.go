// Package same has test/same play its scenarios against unmodified upstream and against the fork, and compares
// what was seen.
package same

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// Options say what is played.
type Options struct {
	// Tag is the upstream tag; empty means the newest pinned one.
	Tag string
	// Scenarios are those to play, or the first words of their names; none means all.
	Scenarios []string
	// Random is how many random ones there are besides, made of Seed.
	Random int
	Seed   uint64
}

// Report is what `same compare` has found.
type Report struct {
	Scenarios   int            `json:"scenarios"`
	Cases       int            `json:"cases"`
	Differences []Difference   `json:"differences"`
	Allowed     map[string]int `json:"allowed"`
	Stale       []Stale        `json:"stale"`
	Own         int            `json:"own"`
	Hasty       int            `json:"hasty"`
	Failed      []Failure      `json:"failed"`
	// Seconds is how long each half has played.
	Seconds map[build.Variant]float64 `json:"seconds"`
}

// Difference is one field of a case that is not what it should be.
type Difference struct {
	Scenario string   `json:"scenario"`
	Proto    string   `json:"proto"`
	Field    string   `json:"field"`
	Plain    []string `json:"plain"`
	Upstream []string `json:"upstream"`
	Fork     []string `json:"fork"`
	Near     []string `json:"near,omitempty"`
	Script   string   `json:"script"`
}

// Stale is a row of the table of differences whose difference is not there.
type Stale struct {
	Row      string   `json:"row"`
	Scenario string   `json:"scenario"`
	Proto    string   `json:"proto"`
	Fields   []string `json:"fields"`
}

// Failure is a case that a side could not play, or something that went wrong beside the cases.
type Failure struct {
	Scenario string `json:"scenario,omitempty"`
	Proto    string `json:"proto,omitempty"`
	Side     string `json:"side,omitempty"`
	Why      string `json:"why"`
}

func (f Failure) String() string {
	if f.Scenario == "" {
		return f.Why
	}
	return fmt.Sprintf("%s over %s, by %s: %s", f.Scenario, f.Proto, f.Side, f.Why)
}

// OK reports whether all is as it should be.
func (r Report) OK() bool { return len(r.Differences)+len(r.Stale)+len(r.Failed) == 0 }

const (
	// again is how often a case that differs is played again, with little else going on: what upstream does
	// in one of these runs is allowed to the fork. A defect that was there once remains, unless it may have
	// been the machine's.
	again = 5

	// mostAgain is how many cases are. Where more differ, the machine is not to blame.
	mostAgain = 60
)

// run is one run of all of it.
type run struct {
	programs map[build.Variant]string
	file     string
	report   Report
	races    []Failure // that the fork's half had
}

// Run builds both halves, plays the scenarios against each, and compares. The error says that something is
// not as it should be, which the report tells.
func Run(ctx context.Context, co *checkout.Checkout, o Options) (Report, error) {
	r := run{programs: map[build.Variant]string{}}
	variants := []build.Variant{build.Upstream, build.Fork}
	for _, v := range variants {
		var err error
		if r.programs[v], err = build.Same(ctx, co, o.Tag, v, v == build.Fork); err != nil {
			return Report{}, err
		}
	}
	dir := filepath.Join(co.Output(), "same")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Report{}, err
	}
	r.file = filepath.Join(dir, "seen.json")
	if err := os.WriteFile(r.file, nil, 0o644); err != nil {
		return Report{}, err
	}
	seconds := map[build.Variant]float64{}
	args := append([]string{fmt.Sprintf("-random=%d", o.Random), fmt.Sprintf("-seed=%d", o.Seed), "--"}, o.Scenarios...)
	for _, v := range variants {
		fmt.Fprintf(co.Err, "playing the scenarios against %s ...\n", v)
		start := time.Now()
		if err := r.play(ctx, v, args...); err != nil {
			return Report{}, err
		}
		seconds[v] = time.Since(start).Seconds()
	}
	if err := r.compare(ctx); err != nil {
		return Report{}, err
	}
	if cases := r.again(); len(cases) > 0 {
		fmt.Fprintf(co.Err, "playing %d cases again ...\n", len(cases))
		args := append([]string{fmt.Sprintf("-tries=%d", again), "-at-a-time=2", "-calm", "--"}, cases...)
		for _, v := range variants {
			if err := r.play(ctx, v, args...); err != nil {
				return Report{}, err
			}
		}
		if err := r.compare(ctx); err != nil {
			return Report{}, err
		}
	}
	r.report.Seconds = seconds
	if !r.report.OK() {
		return r.report, fmt.Errorf("%d differences that the table in test/same/differences.go does not have, %d of the table that are not there, %d cases that could not be played; what was seen is in %s; next: make same ID= with the name of a scenario plays it alone",
			len(r.report.Differences), len(r.report.Stale), len(r.report.Failed), co.Rel(r.file))
	}
	return r.report, nil
}

// again returns the cases to play once more.
func (r *run) again() (cases []string) {
	add := func(scenario, proto string) {
		if c := scenario + "@" + proto; !slices.Contains(cases, c) {
			cases = append(cases, c)
		}
	}
	for _, d := range r.report.Differences {
		add(d.Scenario, d.Proto)
	}
	for _, s := range r.report.Stale {
		add(s.Scenario, s.Proto)
	}
	for _, f := range r.report.Failed {
		if f.Scenario != "" {
			add(f.Scenario, f.Proto)
		}
	}
	return cases[:min(len(cases), mostAgain)]
}

// play has one half play, and adds what was seen to the file.
func (r *run) play(ctx context.Context, v build.Variant, args ...string) (err error) {
	f, err := os.OpenFile(r.file, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var stderr bytes.Buffer
	_, err = proc.Cmd{
		Args:   append([]string{r.programs[v], "play", "-side=" + string(v)}, args...),
		Stdout: f,
		Stderr: &stderr,
	}.Output(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch report := said(stderr.String()); {
	case err == nil:
	case strings.HasPrefix(report, race):
		// It has played them all, and then said so by its exit status.
		r.races = append(r.races, Failure{Why: fmt.Sprintf("%s: %s", v, report)})
	default:
		return fmt.Errorf("playing the scenarios against %s: %w\n%s", v, err, report)
	}
	return nil
}

// race begins a report of the race detector's, and raceEnd ends it.
const (
	race    = "WARNING: DATA RACE"
	raceEnd = "=================="
)

// said is the part of what a program has said that tells why it ended.
func said(s string) string {
	const most = 4000
	for _, begin := range []string{"fatal error:", "panic:", race} {
		if i := strings.Index(s, begin); i >= 0 {
			report, _, _ := strings.Cut(s[i:], raceEnd)
			return report[:min(len(report), most)]
		}
	}
	return s[max(0, len(s)-most):]
}

func (r *run) compare(ctx context.Context) error {
	out, err := proc.Cmd{Args: []string{r.programs[build.Upstream], "compare", r.file}}.Output(ctx)
	if err != nil {
		return err
	}
	r.report = Report{}
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r.report); err != nil {
		return fmt.Errorf("what `same compare` prints: %w", err)
	}
	r.report.Failed = append(r.report.Failed, r.races...)
	return nil
}
