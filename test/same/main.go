// Same plays scenarios, each in the same way, against three servers: net/http's
// with a handler alone, and with the whole chain of unmodified upstream and of
// the fork around it. What clients, handlers and records see must be the same.
// The same source is built against the unmodified module and against the fork's
// tree; `make same` builds both and compares.
//
//	same list                       prints the scenarios, a JSON object a line
//	same play [flags] [SCENARIO]... plays them and prints what was seen of each, likewise
//	same compare FILE               compares what is in such a file, of all three
//
// A scenario whose name is random-SEED-NUMBER is made of that seed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "same: %v\n", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("want list, play or compare; see the package's documentation")
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	switch args[0] {
	case "list":
		for _, s := range named {
			if err := enc.Encode(s); err != nil {
				return err
			}
		}
		return nil
	case "play":
		flags := flag.NewFlagSet("play", flag.ContinueOnError)
		side := flags.String("side", upstream, "what this program is built against: upstream, which plays without the chain as well, or fork")
		tries := flags.Int("tries", 1, "how often each case is played")
		at := flags.Int("at-a-time", 6*runtime.GOMAXPROCS(0), "how many cases are played at a time")
		calm := flags.Bool("calm", false, "say that little else is going on: what timed scenarios show then counts, and not what they showed before")
		random := flags.Int("random", 0, "how many random scenarios there are")
		seed := flags.Uint64("seed", 1, "what those are made of")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		scenarios, err := choose(flags.Args(), *seed, *random)
		if err != nil {
			return err
		}
		return playAll(ctx, scenarios, *side, *tries, *at, func(s seen) error {
			s.Calm = *calm
			return enc.Encode(s)
		})
	case "compare":
		return compareFile(args[1:], out)
	}
	return fmt.Errorf("there is no command %s", args[0])
}

// The servers.
const (
	plain    = "plain"
	upstream = "upstream"
	fork     = "fork"
)

// seen is an observation of a case.
type seen struct {
	Scenario, Proto string
	// Side is which server it was.
	Side string
	// Calm is whether little else was going on.
	Calm bool `json:",omitempty"`
	// Unsteady is whether it is a matter of times, and the machine stood still meanwhile.
	Unsteady bool `json:",omitempty"`
	// Observation is empty if there was an Error, which has nothing to do with the server.
	Observation observation
	Error       string `json:",omitempty"`
}

// choose returns the scenarios of those names, or all that are named and so many random ones.
func choose(names []string, seed uint64, random int) ([]*scenario, error) {
	if len(names) == 0 {
		all := named
		for i := range random {
			all = append(all, randomScenario(seed, i))
		}
		return all, nil
	}
	var chosen []*scenario
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, s...)
	}
	return chosen, nil
}

// find returns the scenarios whose name is that, or begins with it and a dash.
// With a protocol, as in NAME@HTTP/2, they are played over that alone.
func find(name string) ([]*scenario, error) {
	if name, proto, ok := strings.Cut(name, "@"); ok {
		found, err := find(name)
		for i, s := range found {
			copied := *s
			copied.Protos, found[i] = []string{proto}, &copied
		}
		return found, err
	}
	var seed uint64
	var i int
	if n, _ := fmt.Sscanf(name, "random-%d-%d", &seed, &i); n == 2 {
		return []*scenario{randomScenario(seed, i)}, nil
	}
	var found []*scenario
	for _, s := range named {
		if s.Name == name || strings.HasPrefix(s.Name, name+"-") {
			found = append(found, s)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("there is no scenario %s; next: same list", name)
	}
	return found, nil
}

// playAll plays the scenarios over their protocols, and has each observation
// reported. Those in which a panic is survived come last: that is the process's.
func playAll(ctx context.Context, scenarios []*scenario, side string, tries, at int, report func(seen) error) error {
	if err := captureLog(); err != nil {
		return err
	}
	sides := []string{side}
	if side == upstream {
		sides = []string{plain, upstream}
	}
	for _, survives := range []bool{false, true} {
		utilruntime.ReallyCrash = !survives
		var cases []seen
		for _, s := range scenarios {
			if s.Server.Survives != survives {
				continue
			}
			for range max(tries, s.Times) {
				for _, proto := range s.over() {
					for _, side := range sides {
						cases = append(cases, seen{Scenario: s.Name, Proto: proto, Side: side})
					}
				}
			}
		}
		if err := playCases(ctx, scenarios, cases, at, report); err != nil {
			return err
		}
	}
	return nil
}

func playCases(ctx context.Context, scenarios []*scenario, cases []seen, at int, report func(seen) error) error {
	byName := index(scenarios)
	watch, stop := context.WithCancel(ctx)
	defer stop()
	go watchStutters(watch)
	servers := map[string]*backends{plain: {plain: true}, upstream: {}, fork: {}}
	defer func() {
		for _, b := range servers {
			b.stop()
		}
	}()
	next := make(chan seen)
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for c := range next {
				b, err := servers[c.Side].get(byName[c.Scenario].Server)
				if err == nil {
					c.Observation, c.Unsteady, err = playSteadily(ctx, byName[c.Scenario], c.Proto, b)
				}
				if err != nil {
					c.Error = err.Error()
				}
				mu.Lock()
				if err := report(c); err != nil && failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for _, c := range cases {
		if ctx.Err() != nil {
			break
		}
		next <- c
	}
	close(next)
	wg.Wait()
	if failed != nil {
		return failed
	}
	return context.Cause(ctx)
}

func index(scenarios []*scenario) map[string]*scenario {
	byName := map[string]*scenario{}
	for _, s := range scenarios {
		byName[s.Name] = s
	}
	return byName
}
