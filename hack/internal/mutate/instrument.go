package mutate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// The environment of a test binary with mutants.
const (
	envAlive   = "FORK_MUTANT"         // the number of the one that is alive, from 1
	envReached = "FORK_MUTANT_REACHED" // the file that the numbers of those are added to that are reached
)

// instrument returns the file with all its mutants, of which the first has this number. Its lines stay where they are.
func instrument(content []byte, mutants []Mutant, first int) []byte {
	type insertion struct {
		at    int
		order int // of those at one place
		text  string
	}
	var insertions []insertion
	for i, m := range mutants {
		open, end := fmt.Sprintf("(forkMutant(%d) != (", first+i), "))"
		if m.Kind == Delete {
			open, end = fmt.Sprintf("if !forkMutant(%d) { ", first+i), " }"
		}
		// What ends at a place stands before what begins there; the inner ends first, the outer begins first.
		insertions = append(insertions, insertion{m.start, i + 1, open}, insertion{m.end, -(i + 1), end})
	}
	slices.SortFunc(insertions, func(a, b insertion) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
	})
	var out bytes.Buffer
	done := 0
	for _, in := range insertions {
		out.Write(content[done:in.at])
		out.WriteString(in.text)
		done = in.at
	}
	out.Write(content[done:])
	return out.Bytes()
}

// switchFile is the name of the file that the package gets as well.
const switchFile = "zz_fork_mutant.go"

// switchSource says which mutant is alive, and notes which are reached.
func switchSource(pkg string, mutants int) []byte {
	return fmt.Appendf(nil, `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var forkMutantAlive, _ = strconv.Atoi(os.Getenv(%q))

var forkMutantFile = func() *os.File {
	name := os.Getenv(%q)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	return f
}()

var forkMutantReached [%d]atomic.Bool

func forkMutant(n int) bool {
	if forkMutantFile != nil {
		forkMutantNote(n)
	}
	return n == forkMutantAlive
}

func forkMutantNote(n int) {
	if !forkMutantReached[n].Swap(true) {
		if _, err := forkMutantFile.WriteString(strconv.Itoa(n) + "\n"); err != nil {
			panic(err)
		}
	}
}
`, pkg, envAlive, envReached, mutants+1)
}
