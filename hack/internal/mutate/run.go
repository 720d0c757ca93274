package mutate

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fork.internal/apiserver/hack/internal/checkout"
)

// Options say what to run.
type Options struct {
	// Only names files (guard.go), functions (guard.seal, or seal) or mutants by ID; empty means all.
	Only []string
	// Jobs is how many mutants are tried at a time: 1 if it is not positive.
	Jobs int
	// Within leaves out tests that take longer; 0 means none.
	Within time.Duration
	// Spare is what a test may take beyond five times what it takes without a mutant, before it hangs. Zero means 6 s.
	Spare time.Duration
}

// Run tries the mutants of the code. What has been found out is kept below _output/mutants, and not looked for again
// while the files are what they were. Nothing else in the checkout is written. It says on co.Err how far it is.
func Run(ctx context.Context, co *checkout.Checkout, what Subject, o Options) (Report, error) {
	s, err := load(ctx, co, what)
	if err != nil {
		return Report{}, err
	}
	chosen, err := s.choose(o.Only)
	if err != nil {
		return Report{}, err
	}
	reasons, err := explanations(s.Explanations)
	if err != nil {
		return Report{}, err
	}
	kept := filepath.Join(co.Output(), "mutants")
	j, err := openJournal(filepath.Join(kept, s.key+".jsonl"), s.hashes)
	if err != nil {
		return Report{}, err
	}
	defer j.close()
	work, remove, err := checkout.Scratch(kept, "work-")
	if err != nil {
		return Report{}, err
	}
	defer remove()
	binaries, err := s.build(ctx, co, work)
	if err != nil {
		return Report{}, err
	}
	r := &runner{co: co, work: work, binaries: binaries, spare: cmp.Or(o.Spare, 6*time.Second)}
	tests, err := measureAll(ctx, r, j, s.Theirs)
	if err != nil {
		return Report{}, err
	}
	t := &trial{runner: r, journal: j, reach: reach(tests), within: o.Within}
	results, err := t.all(ctx, s.mutants, chosen, max(1, o.Jobs))
	report := Report{Results: results, Skipped: s.skipped, Within: o.Within.Seconds()}
	for _, t := range tests {
		if t.Fails != "" {
			report.LeftOut = append(report.LeftOut, t.Name)
		}
	}
	report.explanations = co.Rel(s.Explanations)
	report.explain(reasons, s.mutants)
	return report, err
}

// choose returns the indexes of the mutants that are asked for.
func (s *subject) choose(only []string) ([]int, error) {
	used := make([]bool, len(only))
	var chosen []int
	for i, m := range s.mutants {
		take := len(only) == 0
		for k, want := range only {
			_, method, _ := strings.Cut(m.Func, ".")
			if want == m.File || want == m.Func || want == method || want == m.ID() {
				take, used[k] = true, true
			}
		}
		if take {
			chosen = append(chosen, i)
		}
	}
	if k := slices.Index(used, false); k >= 0 {
		return nil, fmt.Errorf("%q is no file, function or mutant of %s with a condition or a statement; next: FILE=a file's name, or ID=a function's, or a mutant's as the table has it",
			only[k], s.Name)
	}
	return chosen, nil
}

// measureAll has each test by itself, of the journal if it is there. One that fails then is an error, unless it may be
// theirs.
func measureAll(ctx context.Context, r *runner, j *journal, theirs bool) ([]test, error) {
	all, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	for i, t := range all {
		known, ok := j.test(t.Name)
		if !ok {
			known, err = r.measure(ctx, t)
			if err == nil && known.Fails != "" && !theirs {
				err = fmt.Errorf("%s: %s fails by itself with no mutant alive, so it can tell nothing of them; next: go test -run '^%s$' there",
					r.co.Rel(r.binaries[t.binary].dir), known.Fails, t.function)
			}
			if err == nil && known.Fails == "" { // What fails is tried again the next time.
				err = j.measured(known)
			}
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(r.co.Err, "[%d/%d] %s takes %.1f s and reaches %d mutants\n", i+1, len(all), t.Name, known.Seconds, len(known.Reaches))
		}
		all[i].Seconds, all[i].Reaches, all[i].Fails = known.Seconds, known.Reaches, known.Fails
	}
	return all, nil
}

// reach gives the tests that reach a mutant, by its number, the quickest first.
func reach(tests []test) map[int][]test {
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(a.Seconds, b.Seconds) })
	reach := map[int][]test{}
	for _, t := range tests {
		for _, n := range t.Reaches {
			reach[n] = append(reach[n], t)
		}
	}
	return reach
}

// trial tries mutants.
type trial struct {
	*runner
	*journal
	reach  map[int][]test
	within time.Duration
}

// all tries the mutants at these indexes, and returns the results in that order: when it fails, of those that have one.
func (t *trial) all(ctx context.Context, mutants []Mutant, chosen []int, jobs int) ([]Result, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	results := make([]Result, len(chosen))
	var mu sync.Mutex
	done := 0
	for i, at := range chosen {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			res, known, err := t.one(ctx, mutants[at], at+1)
			if err != nil {
				return err
			}
			results[i] = res
			mu.Lock()
			defer mu.Unlock()
			done++
			if !known {
				fmt.Fprintf(t.co.Err, "[%d/%d] %-9s %5.1f s  %s  %s\n", done, len(chosen), res.Verdict, res.Seconds, res.ID, cmp.Or(res.By, res.once()))
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(results, func(r Result) bool { return r.ID == "" }), err
}

// one tries the mutant of this number, unless it is known what becomes of it.
func (t *trial) one(ctx context.Context, m Mutant, n int) (res Result, known bool, err error) {
	res = Result{ID: m.ID(), Mutant: m, Verdict: Unreached}
	tests := t.reach[n]
	if len(tests) == 0 {
		return res, true, nil
	}
	f, known := t.find(res.ID)
	if !known {
		f = found{Mutant: res.ID}
		start := time.Now()
		found, err := t.try(ctx, n, tests)
		f.By, f.Seconds, res.Once = found.by, time.Since(start).Seconds(), found.once
		// What a test could not tell this time is asked the next time.
		if err == nil && (f.By != "" || t.within == 0 && found.once == "") {
			err = t.note(f)
		}
		if err != nil {
			return Result{}, false, err
		}
	}
	res.Verdict, res.By, res.Seconds = Survived, f.By, f.Seconds
	if f.By != "" {
		res.Verdict = Killed
	}
	return res, known, nil
}

// quick is how long a test may take that is run in one process with others.
const quick = time.Second

// tried is what the tests have said of a mutant: By is the one that killed it, and Once, where none did, one that failed by
// itself and then did not, or that failed without the mutant, too.
type tried struct{ by, once string }

// try runs the tests with the mutant alive: the quick ones of a binary together, then each of the others, until one is
// found to fail of it.
func (t *trial) try(ctx context.Context, n int, tests []test) (tried, error) {
	var batches [][]test
	together := map[int]int{} // the batch of a binary's quick ones
	for _, x := range tests { // The quickest come first.
		took := time.Duration(x.Seconds * float64(time.Second))
		if t.within > 0 && took > t.within {
			break
		}
		at, ok := together[x.binary]
		if ok && took <= quick {
			batches[at] = append(batches[at], x)
			continue
		}
		if !ok {
			together[x.binary] = len(batches)
		}
		batches = append(batches, []test{x})
	}
	var once string
	for _, batch := range batches {
		slowest := time.Duration(batch[len(batch)-1].Seconds * float64(time.Second))
		s := suspicion{limit: t.spare + patience*slowest, alive: fmt.Sprintf("%s=%d", envAlive, n)}
		failed, _, err := t.run(ctx, batch, s.limit, s.alive)
		if err != nil {
			return tried{}, err
		}
		if failed == "" {
			continue
		}
		found, err := t.confirm(ctx, batch, failed, s)
		if err != nil || found.by != "" {
			return found, err
		}
		once = cmp.Or(once, found.once)
	}
	return tried{once: once}, nil
}

// suspicion is a mutant of which a test has failed, as it seems: the environment that has it alive, and how long a test
// may be silent.
type suspicion struct {
	limit time.Duration
	alive string
}

// confirm looks which of the tests, which were run in one process, fails of the mutant, the one that has failed first:
// together, tests may fail of each other, without a mutant too.
func (t *trial) confirm(ctx context.Context, tests []test, failed string, s suspicion) (tried, error) {
	if len(tests) == 1 {
		return t.surely(ctx, tests[0], failed, 1, s)
	}
	failed, _, _ = strings.Cut(failed, " (")
	tests = slices.Clone(tests)
	if i := slices.IndexFunc(tests, func(x test) bool { return x.Name == failed }); i > 0 {
		tests[0], tests[i] = tests[i], tests[0]
	}
	var once string
	for _, x := range tests {
		by, _, err := t.run(ctx, []test{x}, s.limit, s.alive)
		if err != nil {
			return tried{}, err
		}
		if by == "" {
			continue
		}
		times := 1
		if x.Name == failed {
			times = 2 // To wait for one that hangs takes longer than all else.
		}
		found, err := t.surely(ctx, x, by, times, s)
		if err != nil || found.by != "" {
			return found, err
		}
		once = cmp.Or(once, found.once)
	}
	return tried{once: once}, nil
}

// surely takes a test, which has failed with the mutant so many times, for one that kills it if it has failed so twice and,
// right after, passes without the mutant. A test that fails now and then does not, and a machine that stands still has it
// fail without the mutant as well.
func (t *trial) surely(ctx context.Context, x test, by string, times int, s suspicion) (tried, error) {
	if times < 2 {
		again, _, err := t.run(ctx, []test{x}, s.limit, s.alive)
		if err != nil || again == "" {
			return tried{once: by}, err
		}
		by = again
	}
	without, _, err := t.run(ctx, []test{x}, s.limit)
	if err != nil || without != "" {
		return tried{once: by}, err
	}
	return tried{by: by}, nil
}

// explain adds the reasons to the results, and finds those that are stale.
func (r *Report) explain(reasons map[string]string, all []Mutant) {
	left := map[string]bool{}
	for id := range reasons {
		left[id] = true
	}
	for _, m := range all {
		delete(left, m.ID())
	}
	for id := range left {
		r.Stale = append(r.Stale, id+" (there is no such mutant)")
	}
	for i := range r.Results {
		res := &r.Results[i]
		if reason, ok := reasons[res.ID]; ok && res.Verdict == Killed {
			r.Stale = append(r.Stale, fmt.Sprintf("%s (%s kills it)", res.ID, res.By))
		} else if ok {
			res.Explained = reason
		}
	}
	slices.Sort(r.Stale)
}
