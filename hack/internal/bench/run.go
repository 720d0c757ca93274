package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// program is one of the two that are compared.
type program struct {
	variant build.Variant
	path    string
	env     []string // beside the checkout's
}

// measure runs the two programs in turn, and gives keep what they print.
func measure(ctx context.Context, co *checkout.Checkout, l level, halves [2]program, keep func(build.Variant, string) error) (rounds, error) {
	var r rounds
	start := time.Now()
	for round := range l.rounds {
		order := halves[:]
		if round%2 == 1 { // What runs first may be at an advantage.
			order = []program{halves[1], halves[0]}
		}
		printed := map[build.Variant]string{}
		for i, turn := range l.turns {
			fmt.Fprintf(co.Err, "%s, round %d of %d, turn %d of %d, after %s\n", l.title, round+1, l.rounds, i+1, len(l.turns), time.Since(start).Round(time.Second))
			for j, p := range order {
				if l.servers && j > 0 {
					printed[p.variant] = printed[order[0].variant]
					continue
				}
				out, err := p.run(ctx, co, l, turn)
				if err != nil {
					return r, err
				}
				printed[p.variant] += out
			}
		}
		for _, half := range []half{{build.Upstream, &r.upstream}, {build.Fork, &r.fork}} {
			m, err := parse(printed[half.variant])
			if err != nil {
				return r, fmt.Errorf("the %s program of %s: %w", half.variant, l.pkg, err)
			}
			*half.runs = append(*half.runs, m)
			if err := keep(half.variant, half.of(printed[half.variant])); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// half is the runs of one of the two.
type half struct {
	variant build.Variant
	runs    *[]*measured
}

// of leaves out what was measured of the other.
func (h half) of(printed string) string {
	other := build.Fork
	if h.variant == build.Fork {
		other = build.Upstream
	}
	var b strings.Builder
	for line := range strings.Lines(printed) {
		if name, _, _ := strings.Cut(line, " "); !strings.HasSuffix(strings.TrimRight(name, "-0123456789"), "/peer="+string(other)) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// keepRaw writes what the programs print as it comes, for benchstat, below Dir.
func keepRaw(co *checkout.Checkout, l level) func(build.Variant, string) error {
	all := map[build.Variant]string{}
	return func(v build.Variant, out string) error {
		all[v] += out
		return replace(filepath.Join(Dir(co), strconv.Itoa(l.number), string(v)+".txt"), []byte(all[v]))
	}
}

// run runs one turn of the program, and returns what it prints.
func (p program) run(ctx context.Context, co *checkout.Checkout, l level, turn string) (output string, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errTooLong)
	defer cancel()
	out, err := proc.Cmd{
		Args: []string{p.path, "-test.run=^$", "-test.bench=" + turn, "-test.benchtime=" + l.time, "-test.count=1", "-test.timeout=" + (2 * timeout).String()},
		Dir:  filepath.Join(co.Root, filepath.FromSlash(l.pkg)),
		Env:  slices.Concat(co.Environ(), p.env),
	}.Output(limited)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err == nil {
		_, err = parse(out)
	}
	if err != nil {
		return "", fmt.Errorf("the %s program of %s went wrong: %w\n%s", p.variant, l.pkg, err, tail(out))
	}
	return out, nil
}

var errTooLong = fmt.Errorf("it took more than %s: something hangs, or the machine is far too slow", timeout)

// tail keeps the end of a long output.
func tail(s string) string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > most {
		lines = append([]string{"..."}, lines[len(lines)-most:]...)
	}
	return strings.Join(lines, "\n")
}
