// Package repro runs test/repro's cases against unmodified upstream and against the fork, each run in
// a process of its own, and compares what they show.
package repro

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// Half is what one case has shown in one half.
type Half struct {
	// Defect is whether the defect was there.
	Defect bool `json:"defect"`
	// Lacks is what is asked of the fork beside that and was not there, such as a log line that only it has. Of
	// upstream nobody asks it.
	Lacks string `json:"lacks,omitempty"`
	// Seen says in a few words what was seen.
	Seen string `json:"seen"`
	// Seconds is how long the last run took.
	Seconds float64 `json:"seconds"`
	// Error says why nothing was shown: the run itself went wrong.
	Error string `json:"error,omitempty"`
	// Untried says why nothing was shown where the machine was too slow for the case, each time.
	Untried string `json:"untried,omitempty"`
	// Race is the race detector's first report, if that is what the run has shown.
	Race string `json:"race,omitempty"`
	// Runs is how many there were, of which this was the last.
	Runs int `json:"runs"`
}

// Row is one case in both halves.
type Row struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Upstream Half   `json:"upstream"`
	Fork     Half   `json:"fork"`
}

// OK reports whether upstream showed the defect and the fork did not, and lacks nothing that is asked of it.
func (r Row) OK() bool {
	return r.Upstream.Error == "" && r.Upstream.Defect && r.Fork.clean()
}

// clean reports whether a run shows all that is asked of the fork.
func (h Half) clean() bool { return h.Error == "" && h.Untried == "" && !h.Defect && h.Lacks == "" }

// wrong says which half of a row that is not OK is the reason, and what it showed. The rows are long, and who looks at
// the end of a log that somebody else has shortened has only this.
func (r Row) wrong() string {
	fault, shown := "the fork has it", r.Fork.Seen
	switch {
	case r.Upstream.Error != "":
		fault, shown = "upstream failed", r.Upstream.Error
	case r.Upstream.Untried != "":
		fault, shown = "upstream could not be tried", r.Upstream.Untried
	case !r.Upstream.Defect:
		fault, shown = "upstream does not show it", r.Upstream.Seen
	case r.Fork.Error != "":
		fault, shown = "the fork failed", r.Fork.Error
	case r.Fork.Untried != "":
		fault, shown = "the fork could not be tried", r.Fork.Untried
	case !r.Fork.Defect:
		fault, shown = "the fork lacks "+r.Fork.Lacks, r.Fork.Seen
	}
	return fmt.Sprintf("%s (%s: %s)", r.ID, fault, tail(shown, 500))
}

// half names one of the programs.
type half struct {
	variant build.Variant
	race    bool
}

// testCase is what `repro list` prints of a case.
type testCase struct {
	ID, Title, Fatal, Race string
	// Plain cases are measured without the race detector.
	Plain bool
}

// leastRuns is how often the fork runs the case, however soon upstream shows it: three times if it is for the scheduler
// to say whether it shows.
func (c testCase) leastRuns() int {
	switch {
	case c.Fatal != "" || c.Race != "":
		return 3
	case c.Plain:
		return 1
	}
	return 2 // With the race detector and without.
}

// sideBySide is how many rows are run at once. Most of what they do is to wait: with two, both cores of
// a small machine have something to do.
const sideBySide = 2

// Run builds both halves for tag (empty means the newest pinned one), runs the cases with the given
// IDs (none means all), and calls report with each row as it is complete, one call at a time. Those
// that are about numbers come last, alone. It returns the rows that are, in the cases' order, not nil;
// the error says which are not as they should be.
func Run(ctx context.Context, co *checkout.Checkout, tag string, ids []string, report func(Row)) ([]Row, error) {
	programs, cases, remove, err := buildAll(ctx, co, tag, ids)
	if err != nil {
		return []Row{}, err
	}
	defer remove()
	rows, err := runRows(ctx, programs, cases, report)
	if err != nil {
		return slices.DeleteFunc(rows, func(row Row) bool { return row.ID == "" }), err
	}
	return rows, verdict(rows)
}

// buildAll builds the programs, of the same files all, and lists their cases. They are this run's own until remove is called.
func buildAll(ctx context.Context, co *checkout.Checkout, tag string, ids []string) (programs map[half]string, cases []testCase, remove func(), err error) {
	ctx, unlock, err := co.Lock(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	defer unlock()
	dir, drop, err := checkout.Scratch(filepath.Join(co.Output(), "repro"), "run-")
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			drop()
		}
	}()
	programs = map[half]string{}
	for _, h := range []half{{build.Upstream, false}, {build.Upstream, true}, {build.Fork, false}, {build.Fork, true}} {
		path, err := build.Repro(ctx, co, tag, h.variant, h.race)
		if err != nil {
			return nil, nil, nil, err
		}
		if programs[h], err = checkout.Keep(dir, path, fmt.Sprintf("%s-race=%t", h.variant, h.race)); err != nil {
			return nil, nil, nil, err
		}
		if cases != nil {
			continue
		}
		// Before the others are built, for minutes.
		if cases, err = list(ctx, path, ids); err != nil {
			return nil, nil, nil, err
		}
	}
	return programs, cases, drop, nil
}

// runRows runs the cases, those that are about numbers last and alone, and returns what they show in their order;
// with an error, those that it has not come to are empty.
func runRows(ctx context.Context, programs map[half]string, cases []testCase, report func(Row)) ([]Row, error) {
	rows := make([]Row, len(cases))
	var reporting sync.Mutex
	for _, plain := range []bool{false, true} {
		running, ctx := errgroup.WithContext(ctx)
		running.SetLimit(sideBySide)
		if plain {
			running.SetLimit(1)
		}
		for i, c := range cases {
			if c.Plain != plain {
				continue
			}
			running.Go(func() error {
				row, err := runRow(ctx, programs, c)
				if err != nil {
					return err
				}
				reporting.Lock()
				defer reporting.Unlock()
				rows[i] = row
				report(row)
				return nil
			})
		}
		if err := running.Wait(); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// verdict says which rows are not as they should be.
func verdict(rows []Row) error {
	var wrong []Row
	for _, row := range rows {
		if !row.OK() {
			wrong = append(wrong, row)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	said := make([]string, len(wrong))
	for i, row := range wrong {
		said[i] = row.wrong()
	}
	return fmt.Errorf("not as they should be (a defect on upstream, none on the fork): %s; `make repro ID=%s` runs one alone",
		strings.Join(said, ", "), wrong[0].ID)
}

// runRow runs one case in both halves: side by side, for most of what they do is to wait, unless numbers are what it is about.
func runRow(ctx context.Context, programs map[half]string, c testCase) (Row, error) {
	row := Row{ID: c.ID, Title: c.Title}
	halves, both := errgroup.WithContext(ctx)
	if c.Plain {
		halves.SetLimit(1)
	}
	halves.Go(func() (err error) {
		// What kills upstream does so sooner without the race detector, which slows it down; what it only corrupts, the
		// detector shows. The fork stands both.
		row.Upstream, err = runUntilDefect(both, programs[half{build.Upstream, c.Fatal == "" && !c.Plain}], c)
		return err
	})
	halves.Go(func() (err error) {
		row.Fork, err = runUntil(both, programs, c, Half{}, c.leastRuns())
		return err
	})
	if err := halves.Wait(); err != nil || !row.Upstream.Defect {
		return row, err
	}
	// What shows in one of many runs has as many to show on the fork. A number does not: where upstream needed more
	// runs for one, the machine was too slow for it.
	if c.Plain {
		return row, nil
	}
	var err error
	row.Fork, err = runUntil(ctx, programs, c, row.Fork, row.Upstream.Runs)
	return row, err
}

// runUntil has the fork run the case until it has done so that often, or has shown something; last is what the run
// before has shown. Each other run has the race detector, unless numbers are what the case is about. One for which the
// machine was too slow is none, and is tried again.
func runUntil(ctx context.Context, programs map[half]string, c testCase, last Half, runs int) (h Half, err error) {
	for h = last; h.Runs < runs && h.clean(); {
		n := h.Runs
		for range tries {
			if h, err = run(ctx, programs[half{build.Fork, n%2 == 1 && !c.Plain}], build.Fork, c); err != nil {
				return h, err
			}
			if h.Untried == "" {
				break
			}
		}
		h.Runs = n + 1
	}
	return h, nil
}

// list returns the cases with the given IDs, or all, in the program's order.
func list(ctx context.Context, program string, ids []string) ([]testCase, error) {
	out, err := proc.Cmd{Args: []string{program, "list"}}.Output(ctx)
	if err != nil {
		return nil, err
	}
	var cases []testCase
	var known []string
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var c testCase
		if err := dec.Decode(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		known = append(known, c.ID)
		if len(ids) == 0 || slices.Contains(ids, c.ID) {
			cases = append(cases, c)
		}
	}
	if len(known) == 0 {
		return nil, errors.New("the program of the reproductions lists none; next: make clean, and again")
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return nil, fmt.Errorf("there is no case %s; there are %s; next: make repro ID=%s", id, strings.Join(known, ", "), known[0])
		}
	}
	return cases, nil
}

// tries is how often a case is run on upstream for its defect to show: most are races that upstream
// may win, on a machine that is busy most of the time. The fork runs it as often as that took.
const tries = 10

// runUntilDefect runs one case until it shows its defect, a few times at most.
func runUntilDefect(ctx context.Context, program string, c testCase) (h Half, err error) {
	for n := range tries {
		h, err = run(ctx, program, build.Upstream, c)
		h.Runs = n + 1
		if err != nil || h.Defect {
			break
		}
	}
	return h, err
}

// run runs one case. The error is the context's; what goes wrong with the case is in the Half.
func run(ctx context.Context, program string, variant build.Variant, c testCase) (Half, error) {
	start := time.Now()
	out, err := proc.Cmd{Args: []string{program, "run", c.ID}}.Output(ctx)
	if ctx.Err() != nil {
		return Half{}, context.Cause(ctx)
	}
	h := judge(c, variant, out, proc.Stderr(err), err)
	h.Seconds = time.Since(start).Seconds()
	return h, nil
}

// judge tells what the end of a run means. Each data race of the fork's counts: the process had it, and in one
// without the race detector it does what it likes. Of upstream's those do that the case is about: with another, which may be
// as old as the case or the program's own, the case still has to show.
func judge(c testCase, variant build.Variant, stdout, stderr string, err error) Half {
	if fatal := line(stderr, c.Fatal); err != nil && fatal != "" {
		return Half{Defect: true, Seen: "the process died: " + fatal}
	}
	var h Half
	decodeErr := json.Unmarshal([]byte(stdout), &h)
	if decodeErr == nil && err == nil {
		return h
	}
	all := races(stderr)
	about := slices.DeleteFunc(slices.Clone(all), func(report string) bool { return c.Race == "" || !strings.Contains(report, c.Race) })
	switch {
	case variant == build.Fork && len(all) > 0:
		return Half{Defect: true, Seen: fmt.Sprintf("%d data races", len(all)), Race: all[0]}
	case len(about) > 0:
		return Half{Defect: true, Seen: fmt.Sprintf("%d data races", len(about)), Race: about[0]}
	case len(all) > 0 && decodeErr == nil:
		h.Seen += fmt.Sprintf(" (beside %d data races that the row is not about)", len(all))
		return h
	case err != nil:
		return Half{Error: tail(fmt.Sprintf("%v", err), 2000)}
	default:
		return Half{Error: fmt.Sprintf("not a result: %q", stdout)}
	}
}

// races are the race detector's reports in what a program has said.
func races(stderr string) (reports []string) {
	for {
		_, report, found := strings.Cut(stderr, "WARNING: DATA RACE\n")
		if !found {
			return reports
		}
		report, stderr, _ = strings.Cut(report, "==================")
		reports = append(reports, report)
	}
}

// line returns the first line of s that contains part, or "".
func line(s, part string) string {
	if part == "" {
		return ""
	}
	for sc := bufio.NewScanner(strings.NewReader(s)); sc.Scan(); {
		if strings.Contains(sc.Text(), part) {
			return sc.Text()
		}
	}
	return ""
}

// tail keeps the end of a long text, most bytes of it.
func tail(s string, most int) string {
	if len(s) > most {
		return "... " + s[len(s)-most:]
	}
	return s
}
