package suite

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"sync"

	"fork.internal/apiserver/hack/internal/lines"
)

// journal writes a step's log and remembers what it says. It may be used by any goroutine.
type journal struct {
	file *os.File

	mu     sync.Mutex
	split  lines.Splitter // guarded by mu
	lines  int
	newest string
	// failures are the first lines that look like one. Read it when nobody writes any more.
	failures []string
}

// keepFailures is how many lines are kept that say what failed.
const keepFailures = 10

// failure is a line by which go test says what failed.
var failure = regexp.MustCompile(`^(\s*--- FAIL: |FAIL\s+\S|panic: |fatal error: |WARNING: DATA RACE)`)

// Write takes some of the output. The error is that of the file.
func (j *journal) Write(data []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.split.Feed(data, func(line []byte) {
		j.lines++
		if len(bytes.TrimSpace(line)) > 0 {
			j.newest = string(line[:min(len(line), 120)])
		}
		if failure.Match(line) && len(j.failures) < keepFailures {
			j.failures = append(j.failures, string(line))
		}
	})
	return j.file.Write(data)
}

// last says how far the log has come.
func (j *journal) last() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lines == 0 {
		return "no output yet"
	}
	return fmt.Sprintf("%d lines; last: %s", j.lines, j.newest)
}
