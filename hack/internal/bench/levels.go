package bench

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// level is one of the levels at which the two are compared.
type level struct {
	number int
	title  string
	pkg    string // of the benchmarks
	// turns are which of them, each for -test.bench: in a round the two programs take turns at each.
	turns  []string
	time   string // how much of each in a round, for -test.benchtime
	rounds int    // unless the caller says otherwise
	// servers is set where the benchmarks measure real kube-apiservers: then one program has both, and takes
	// turns at them by itself.
	servers bool
	// skip are units that say nothing at this level, or what another one says.
	skip []string
	// overhead is set where what is compared is the cost over that of a direct call.
	overhead bool
	// base is, where growth is looked at, the benchmark that the others are compared with.
	base  string
	goals []rule
	// chart is the units that the chart shows, in this order.
	chart []string
}

// rule is a goal for all the cases that match.
type rule struct {
	name, unit *regexp.Regexp
	// what it is that is bounded, and its value in each round; NaN where there is none.
	what  string
	value func(s series) []float64
	bound bound
}

// levels take some 50 minutes with their own rounds, on 2 CPUs. A case that is new in test/bench has its place in
// turns, or is not measured.
var levels = []level{
	{
		number: 1, title: "the filter alone, over a direct call", pkg: "./test/bench/filter",
		turns: turns("Filter", []string{"frames=0", "frames=60"}, []string{"parallel=1", "parallel=2", "parallel=8"}),
		time:  "200ms", rounds: 10, overhead: true, chart: []string{"ns/op", "allocs/op"},
		goals: []rule{
			ratio("frames=0", "ns/op", atMost(0.5)),
			ratio("frames=60", "ns/op", atMost(0.25)),
			ratio("", "allocs/op", atMost(0.6)),
			{name: all, unit: exactly("ns/op"), what: "fork/timeouthandler", bound: atMost(1), value: func(s series) []float64 {
				return divide(s.peer("fork", "ns/op"), s.peer("timeouthandler", "ns/op"))
			}},
		},
	},
	{
		number: 2, title: "the whole chain over TLS", pkg: "./test/bench/chain",
		turns: turns("Chain", []string{"proto=HTTP1", "proto=HTTP2"}, []string{"verb=get", "verb=list", "verb=create", "verb=patch"}),
		time:  "300ms", rounds: 10, skip: []string{"ns/op"}, chart: []string{"req/s", "p99-ms", "cpu-us/req"},
		goals: throughput(1.02, ratio("", "p99-ms", atMost(1))),
	},
	{
		number: 3, title: "kube-apiserver and etcd", pkg: "./test/bench/cluster", turns: []string{"."},
		time: "1s", rounds: 8, servers: true, skip: []string{"ns/op"}, chart: []string{"req/s", "cpu-us/req", "s-ready", "MiB-loaded"},
		goals: throughput(1),
	},
	{
		number: 4, title: "when things go wrong", pkg: "./test/bench/chain",
		turns: slices.Concat(turns("504"), turns("Stalled"), turns("Timeouts")),
		time:  "1x", rounds: 3, skip: []string{"ns/op"}, chart: []string{"p99-ms", "MiB-during", "release-ms"},
		goals: []rule{
			{name: regexp.MustCompile("^504/.*cpu=idle"), unit: exactly("p99-ms"), what: "fork's p99-ms", bound: atMost(5), value: func(s series) []float64 {
				return s.peer("fork", "p99-ms")
			}},
			// Connections come and go, and each has a few goroutines.
			{name: all, unit: exactly("goroutines-after"), what: "fork's goroutines held", bound: atMost(20), value: func(s series) []float64 {
				return subtract(s.peer("fork", "goroutines-after"), s.peer("fork", "goroutines-before"))
			}},
			{name: all, unit: exactly("seats-after"), what: "fork's seats held", bound: atMost(0), value: func(s series) []float64 {
				return s.peer("fork", "seats-after")
			}},
		},
	},
	{
		number: 5, title: "growth with what else is going on", pkg: "./test/bench/filter",
		turns: turns("Growth", []string{"inflight=1", "inflight=100", "inflight=10000", "overdue=10000"}),
		time:  "2s", rounds: 5, base: "Growth/inflight=1", chart: []string{"ns/op"},
		goals: []rule{
			{name: regexp.MustCompile("=10000$"), unit: exactly("ns/op"), what: growthOfFork, bound: atMost(1.5), value: func(s series) []float64 {
				return s.growth("fork", "ns/op")
			}},
		},
	},
	{
		number: 6, title: "a thousand watches", pkg: "./test/bench/chain", turns: turns("Watch", []string{"proto=HTTP1", "proto=HTTP2"}),
		time: "100x", rounds: 10, skip: []string{"ns/op"}, chart: []string{"events/s", "B/watch"},
		goals: []rule{
			ratio("", "events/s", atLeast(0.98)),
			// One more for an event of a watch would be 1.06; net/http makes more of them, or fewer, by chance.
			ratio("", "allocs/op", atMost(1.01)),
			ratio("", "B/watch", atMost(1.01)),
		},
	},
}

// turns are the patterns of a benchmark's cases: one for each choice of a part at each place of their names.
func turns(benchmark string, parts ...[]string) []string {
	all := []string{"^Benchmark" + benchmark + "$"}
	for _, choices := range parts {
		var longer []string
		for _, pattern := range all {
			for _, choice := range choices {
				longer = append(longer, pattern+"/^"+choice+"$")
			}
		}
		all = longer
	}
	return all
}

// Levels are the numbers of the levels.
func Levels() []int {
	var numbers []int
	for _, l := range levels {
		numbers = append(numbers, l.number)
	}
	return numbers
}

// pick returns the level with that number, or all for 0.
func pick(number int) ([]level, error) {
	if number == 0 {
		return levels, nil
	}
	for _, l := range levels {
		if l.number == number {
			return []level{l}, nil
		}
	}
	return nil, fmt.Errorf("there is no level %d: `make bench LEVEL=n` takes one of %v, and `make bench` all of them", number, Levels())
}

var all = regexp.MustCompile("")

func exactly(unit string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.QuoteMeta(unit) + "$")
}

// ratio bounds fork/upstream of the cases that have that key=value; "" has every case.
func ratio(keyValue, unit string, b bound) rule {
	name := all
	if keyValue != "" {
		name = regexp.MustCompile("/" + keyValue + "(/|$)")
	}
	return rule{name: name, unit: exactly(unit), what: forkUpstream, bound: b, value: func(s series) []float64 {
		return divide(s.peer("fork", unit), s.peer("upstream", unit))
	}}
}

// throughput is the goals for requests per second, and more.
func throughput(reads float64, more ...rule) []rule {
	return append([]rule{
		ratio("verb=(get|list)", "req/s", atLeast(reads)),
		ratio("verb=(create|update|patch|delete)", "req/s", atLeast(1.05)),
	}, more...)
}

// timeout is how long one program may take in a round; no level comes near it.
const timeout = 15 * time.Minute
