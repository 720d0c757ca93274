package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Case is one measurement of one benchmark, of all its peers.
type Case struct {
	// Name is the benchmark's, such as Filter/frames=0/parallel=1.
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Over is "none" where the peers' values are what they cost over that peer, a direct call.
	Over string `json:"over,omitempty"`
	// Better is "less" or "more".
	Better string `json:"better"`
	// Peers has fork, upstream and whatever else was measured beside them.
	Peers map[string]Peer `json:"peers"`
	// Ratio is fork/upstream, round by round. It is missing where upstream's is 0.
	Ratio *Estimate `json:"ratio,omitempty"`
	Goals []Goal    `json:"goals,omitempty"`
}

// Peer is one way to run a handler.
type Peer struct {
	// Samples are by round.
	Samples []float64 `json:"samples"`
	Estimate
	// Growth is how much more this costs than in Base; level 5 only.
	Growth *Estimate `json:"growth,omitempty"`
	Base   string    `json:"base,omitempty"`
}

// Goal is what a case should come to.
type Goal struct {
	// What is what is bounded: fork/upstream, if nothing else.
	What  string  `json:"what"`
	Value float64 `json:"value"`
	// Bound is Limit as people write it, such as "<= 0.5".
	Bound string  `json:"bound"`
	Limit float64 `json:"limit"`
	Met   bool    `json:"met"`
}

// What most goals are for.
const (
	forkUpstream = "fork/upstream"
	growthOfFork = "growth of fork"
)

// String says the goal, and whether it is met.
func (g Goal) String() string {
	s := g.Bound
	if g.What != forkUpstream {
		s = fmt.Sprintf("%s %s: %.3g", g.What, s, g.Value)
	}
	if g.Met {
		return s + " met"
	}
	return s + " MISSED"
}

// rounds are the runs of both programs, paired by index.
type rounds struct{ upstream, fork []*measured }

// half is the runs of the program that a peer is measured in.
func (r rounds) half(peer string) (name string, runs []*measured) {
	if peer == "fork" {
		return "fork", r.fork
	}
	return "upstream", r.upstream
}

// series is the rounds of one benchmark.
type series struct {
	rounds
	level level
	name  string
}

// samples are a peer's values as measured.
func samples(runs []*measured, name, peer, unit string) []float64 {
	var out []float64
	for _, m := range runs {
		if v, ok := m.values[name][peer][unit]; ok {
			out = append(out, v)
		}
	}
	return out
}

// peer is what a peer costs in each round: at a level of overheads, over a direct call in the same program and
// round.
func (s series) peer(peer, unit string) []float64 {
	_, runs := s.half(peer)
	values := samples(runs, s.name, peer, unit)
	if s.level.overhead && peer != "none" {
		return subtract(values, samples(runs, s.name, "none", unit))
	}
	return values
}

// growth is what a peer costs in each round, by what it costs in the level's base.
func (s series) growth(peer, unit string) []float64 {
	base := s
	base.name = s.level.base
	return divide(s.peer(peer, unit), base.peer(peer, unit))
}

// compare makes the cases of a level. It is an error if the two programs have not run the same, if a round has
// not what another has, or if a goal is for nothing that was measured.
func compare(l level, r rounds) ([]Case, error) {
	if err := r.check(l); err != nil {
		return nil, err
	}
	var cases []Case
	used := make([]bool, len(l.goals))
	for _, name := range r.upstream[0].names {
		s := series{rounds: r, level: l, name: name}
		for _, unit := range r.upstream[0].units {
			if _, ok := r.upstream[0].values[name]["upstream"][unit]; !ok || slices.Contains(l.skip, unit) {
				continue
			}
			c := s.compare(unit)
			for i, rule := range l.goals {
				if !rule.name.MatchString(name) || !rule.unit.MatchString(unit) {
					continue
				}
				values := rule.value(s)
				e := estimate(values)
				if !most(e, values) {
					var n int
					if e != nil {
						n = e.Rounds
					}
					return nil, fmt.Errorf("%s of %s, %s, cannot be told: %s is above 0 in %d of %d rounds; next: `make bench LEVEL=%d` on a machine with less to do",
						rule.what, name, unit, divisor(rule.what), n, len(values), l.number)
				}
				used[i] = true
				c.Goals = append(c.Goals, Goal{What: rule.what, Value: e.Median, Bound: rule.bound.String(), Limit: rule.bound.limit, Met: rule.bound.met(e.Median)})
			}
			cases = append(cases, c)
		}
	}
	for i, rule := range l.goals {
		if !used[i] {
			return nil, fmt.Errorf("no benchmark of %s has what the goal %s %s is for (name %q, unit %q): they or hack/internal/bench/levels.go are wrong",
				l.pkg, rule.what, rule.bound, rule.name, rule.unit)
		}
	}
	return cases, nil
}

// divisor is what a ratio is over.
func divisor(what string) string {
	if _, d, ok := strings.Cut(what, "/"); ok {
		return d
	}
	return what
}

func (s series) compare(unit string) Case {
	c := Case{Name: s.name, Unit: unit, Better: "less", Peers: map[string]Peer{}}
	if strings.HasSuffix(unit, "/s") || strings.HasSuffix(unit, "-%") {
		c.Better = "more"
	}
	if s.level.overhead {
		c.Over = "none"
	}
	peers := slices.Collect(maps.Keys(s.upstream[0].values[s.name]))
	for _, name := range append(peers, "fork") {
		p := Peer{Samples: s.peer(name, unit)}
		e := estimate(p.Samples)
		if e == nil {
			continue // A peer that does not report this.
		}
		p.Estimate = *e
		if s.level.base != "" && s.name != s.level.base {
			p.Growth, p.Base = estimate(s.growth(name, unit)), s.level.base
		}
		c.Peers[name] = p
	}
	c.Ratio = estimate(divide(s.peer("fork", unit), s.peer("upstream", unit)))
	return c
}

// check sees to it that there is nothing missing.
func (r rounds) check(l level) error {
	for _, peer := range []string{"upstream", "fork"} {
		half, runs := r.half(peer)
		first := runs[0]
		for _, name := range r.names() {
			if first.values[name][peer] == nil {
				return lacks(l, half, 0, name, peer)
			}
			if l.overhead && first.values[name]["none"] == nil {
				return lacks(l, half, 0, name, "none")
			}
			for _, unit := range slices.Sorted(maps.Keys(r.upstream[0].values[name]["upstream"])) {
				if _, ok := first.values[name][peer][unit]; !ok {
					return lacks(l, half, 0, name, peer+", "+unit)
				}
			}
		}
		for i, m := range runs {
			for name, peers := range first.values {
				for peer, units := range peers {
					for unit := range units {
						if _, ok := m.values[name][peer][unit]; !ok {
							return lacks(l, half, i, name, peer+", "+unit)
						}
					}
				}
			}
			if n := len(m.names); n != len(first.names) {
				return fmt.Errorf("the %s program of %s has %d benchmarks in round 1 and %d in round %d: it has to run the same in each", half, l.pkg, len(first.names), n, i+1)
			}
		}
	}
	return nil
}

// names are the benchmarks of both.
func (r rounds) names() []string {
	names := slices.Clone(r.upstream[0].names)
	for _, name := range r.fork[0].names {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func lacks(l level, half string, round int, name, what string) error {
	return fmt.Errorf("the %s program of %s has not measured Benchmark%s/peer=%s in round %d: both have to, or they cannot be compared", half, l.pkg, name, what, round+1)
}
