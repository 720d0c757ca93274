package bench

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// measured is what one run of one program has measured.
type measured struct {
	names  []string                                 // of benchmarks, without their peers, in the order in which they ran
	values map[string]map[string]map[string]float64 // by name, peer, unit
	units  []string                                 // in the order in which they were first seen
	// cpu and procs are what the program says of the machine: the model, and GOMAXPROCS.
	cpu   string
	procs string
}

// parse reads the output of a test binary. Benchmarks are named BenchmarkX/key=value/.../peer=NAME.
func parse(output string) (*measured, error) {
	m := &measured{values: map[string]map[string]map[string]float64{}}
	reader := benchfmt.NewReader(strings.NewReader(output), "output")
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, rec
		case *benchfmt.Result:
			if err := m.add(rec); err != nil {
				return nil, err
			}
		}
	}
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "--- FAIL") || line == "FAIL" || strings.HasPrefix(line, "panic:") {
			return nil, fmt.Errorf("it says %q", line)
		}
	}
	if len(m.names) == 0 {
		return nil, fmt.Errorf("it has run no benchmark")
	}
	return m, reader.Err()
}

func (m *measured) add(rec *benchfmt.Result) error {
	m.cpu = rec.GetConfig("cpu")
	m.procs = "1" // The testing package leaves it out then.
	base, parts := rec.Name.Parts()
	name, peer := string(base), ""
	for _, part := range parts {
		p := string(part)
		if n, ok := strings.CutPrefix(p, "-"); ok {
			m.procs = n
		} else if v, ok := strings.CutPrefix(p, "/peer="); ok {
			peer = v
		} else {
			name += p
		}
	}
	if peer == "" {
		return fmt.Errorf("Benchmark%s names no peer: its last part has to be /peer=NAME", rec.Name)
	}
	if m.values[name] == nil {
		m.names = append(m.names, name)
		m.values[name] = map[string]map[string]float64{}
	}
	if m.values[name][peer] != nil {
		return fmt.Errorf("Benchmark%s ran twice", rec.Name)
	}
	values := map[string]float64{}
	for _, v := range rec.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" { // As the benchmark says it: ns, not seconds.
			value, unit = v.OrigValue, v.OrigUnit
		}
		values[unit] = value
		if !slices.Contains(m.units, unit) {
			m.units = append(m.units, unit)
		}
	}
	m.values[name][peer] = values
	return nil
}
