package mutate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// journal remembers what has been found out of a package with these mutants, a line each. What it says of a test or
// of a mutant that is killed holds while the tests' files of that time are there, as they were: more of them take
// nothing back. That a mutant has survived holds for the very files. It may be used by any number of goroutines.
type journal struct {
	set string // of the tests' files as they are

	mu      sync.Mutex
	file    *os.File
	tests   map[string]test
	killed  map[string]found
	survive map[string]found
}

// found is what came of a mutant.
type found struct {
	Mutant  string  `json:"mutant"`
	By      string  `json:"by,omitempty"` // the test that killed it; empty if none did
	Seconds float64 `json:"took"`
}

type entry struct {
	Set   string            `json:"set"`
	Files map[string]string `json:"files,omitempty"`
	Test  *test             `json:"measured,omitempty"`
	Found *found            `json:"found,omitempty"`
}

// openJournal reads the journal at path, if there is one, and goes on with it. A line that has not been written to its
// end is none.
func openJournal(path string, files map[string]string) (*journal, error) {
	j := &journal{set: setOf(files), tests: map[string]test{}, killed: map[string]found{}, survive: map[string]found{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	holds := map[string]bool{}
	for line := range bytes.Lines(data) {
		var e entry
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch {
		case e.Files != nil:
			holds[e.Set] = true
			for name, sum := range e.Files {
				holds[e.Set] = holds[e.Set] && files[name] == sum
			}
		case !holds[e.Set]:
		case e.Test != nil:
			j.tests[e.Test.Name] = *e.Test
		case e.Found != nil && e.Found.By != "":
			j.killed[e.Found.Mutant] = *e.Found
		case e.Found != nil && e.Set == j.set:
			j.survive[e.Found.Mutant] = *e.Found
		}
	}
	if j.file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return nil, err
	}
	start := ""
	if len(data) > 0 && data[len(data)-1] != '\n' {
		start = "\n"
	}
	if start == "" && holds[j.set] {
		return j, nil
	}
	return j, j.write(start, entry{Set: j.set, Files: files})
}

func setOf(files map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %s\n", name, files[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func (j *journal) write(start string, e entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = j.file.WriteString(start + string(data) + "\n")
	return err
}

func (j *journal) test(name string) (test, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t, ok := j.tests[name]
	return t, ok
}

func (j *journal) measured(t test) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tests[t.Name] = t
	return j.write("", entry{Set: j.set, Test: &t})
}

func (j *journal) find(id string) (found, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if f, ok := j.killed[id]; ok {
		return f, true
	}
	f, ok := j.survive[id]
	return f, ok
}

func (j *journal) note(f found) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write("", entry{Set: j.set, Found: &f})
}

func (j *journal) close() error { return j.file.Close() }
