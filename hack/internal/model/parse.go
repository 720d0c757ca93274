package model

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// pageFile is the page with the table of the configurations.
const pageFile = "README.md"

// row is a configuration's there: its name, what it is, its states, depth and seconds.
var row = regexp.MustCompile(`(?m)^\| ([a-z0-9-]+) \| .* \| ([0-9,]+) \| [0-9]+ \| [0-9]+ \|$`)

// figures are how many states each configuration has, as the page says.
func figures(path string) (map[string]int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for _, m := range row.FindAllStringSubmatch(string(data), -1) {
		if all[m[1]], err = strconv.ParseInt(strings.ReplaceAll(m[2], ",", ""), 10, 64); err != nil {
			return nil, fmt.Errorf("%s, the row of %s: %w", path, m[1], err)
		}
	}
	return all, nil
}

// near is an error unless a configuration that holds has about as many states as the page says. One of which a macro has
// come to do nothing holds as well.
func near(states, figure int64) error {
	if 2*states >= figure && states <= 2*figure {
		return nil
	}
	return fmt.Errorf("it holds, in %d states, and %s says %d: it may not be any more what it is said to be; next: see that each of its macros does something, and, if the model is meant to have changed so, put the new figures there", states, pageFile, figure)
}

// mainFile is the file of the model that has the others.
const mainFile = "boundary.pml"

// found is what a search says at its end.
type found struct {
	states   int64
	depth    int
	property string // that does not hold, or empty
}

var (
	violated = regexp.MustCompile(`(?m)^pan:\d+: (.*) \(at depth \d+\)$`)
	// asserted is a property as the model's holds has it: spin puts its own parentheses.
	asserted = regexp.MustCompile(`^assertion violated \(+(\w+)\|\|`)
	stored   = regexp.MustCompile(`(?m)^\s*(\d+) states, stored`)
	reached  = regexp.MustCompile(`depth reached (\d+), errors: (\d+)`)
	declared = regexp.MustCompile(`(?m)^hidden byte (\w+)\s*= OFF\((\d+)\);`)
)

// parse reads what a checker has printed. The error says why it cannot be taken for an answer: the search has not looked
// at all that there is, or has failed for another reason than a property.
func parse(out string) (found, error) {
	var f found
	m, n := stored.FindStringSubmatch(out), reached.FindStringSubmatch(out)
	if m == nil || n == nil {
		return f, fmt.Errorf("the checker says nothing of what it has seen: %q; next: see whether it was killed, or what spin -V has changed in its words", tail(out))
	}
	f.states, _ = strconv.ParseInt(m[1], 10, 64)
	f.depth, _ = strconv.Atoi(n[1])
	what := violated.FindStringSubmatch(out)
	switch {
	case strings.Contains(out, "max search depth too small"):
		return f, errors.New("a way is longer than the checker was let go; next: raise maxDepth in hack/internal/model")
	case what != nil && what[1] == "non-progress cycle":
		f.property = "it_ends"
	case what != nil:
		name := asserted.FindStringSubmatch(what[1])
		if name == nil {
			return f, fmt.Errorf("the checker has found %q, which is no property", what[1])
		}
		f.property = name[1]
	case n[2] != "0":
		return f, fmt.Errorf("the checker has found what it does not say: %q", tail(out))
	case strings.Contains(out, "Search not completed"):
		return f, fmt.Errorf("the search was not completed, with %d states; next: free memory, or raise maxMiB in hack/internal/model", f.states)
	}
	return f, nil
}

func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// steps are what the model says in a trail that spin has played, without what spin does.
func steps(out string) []string {
	var all []string
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "spin: ") || strings.TrimSpace(line) == "" {
			continue
		}
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

// properties are the properties that a file declares, with their numbers.
func properties(file string) (map[string]int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	for _, m := range declared.FindAllStringSubmatch(string(data), -1) {
		numbers[m[1]], _ = strconv.Atoi(m[2])
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("%s declares no property; it has lines such as: hidden byte one_outcome = OFF(1);", file)
	}
	return numbers, nil
}
