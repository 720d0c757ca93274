package bench

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Estimate is what the rounds of a run say of a value.
type Estimate struct {
	Median float64 `json:"median"`
	// Low and High are the spread.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Spread says what they are: a confidence interval of the median ("95% CI"), or the smallest and the
	// largest value ("range") where the rounds are too few for that, which is below six.
	Spread string `json:"spread"`
	// Rounds is how many have a value.
	Rounds int `json:"rounds"`
}

const confidence = 0.95

// estimate leaves out what is not a number. It returns nil when nothing is left.
func estimate(values []float64) *Estimate {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) == 0 {
		return nil
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), confidence)
	e := &Estimate{Median: s.Center, Low: s.Lo, High: s.Hi, Spread: fmt.Sprintf("%.0f%% CI", 100*confidence), Rounds: len(values)}
	if math.IsInf(s.Lo, 0) || math.IsInf(s.Hi, 0) {
		e.Low, e.High, e.Spread = slices.Min(values), slices.Max(values), "range"
	}
	return e
}

// most is whether an estimate is of half of the rounds or more: those that have a value are no fair choice of all.
func most(e *Estimate, values []float64) bool {
	return e != nil && 2*e.Rounds >= len(values)
}

// divide pairs the rounds. Where there is nothing to divide by, the machine has been too noisy to say
// something of that round, or there is nothing to say: NaN.
func divide(a, b []float64) []float64 {
	return pair(a, b, func(x, y float64) float64 {
		if y <= 0 {
			return math.NaN()
		}
		return x / y
	})
}

func subtract(a, b []float64) []float64 {
	return pair(a, b, func(x, y float64) float64 { return x - y })
}

func pair(a, b []float64, f func(x, y float64) float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

// bound is what a value may be at most or at least.
type bound struct {
	limit float64
	least bool
}

func atMost(limit float64) bound  { return bound{limit: limit} }
func atLeast(limit float64) bound { return bound{limit: limit, least: true} }

func (b bound) met(v float64) bool {
	if b.least {
		return v >= b.limit
	}
	return v <= b.limit
}

func (b bound) String() string {
	if b.least {
		return fmt.Sprintf(">= %g", b.limit)
	}
	return fmt.Sprintf("<= %g", b.limit)
}
