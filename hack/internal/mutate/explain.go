package mutate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Explanations is the file, in a package, that says why mutants may survive: each one's ID on a line, and below it the
// reason, indented. Several IDs may share a reason; lines that begin with # are comments.
const Explanations = "testdata/mutants.txt"

// explanations are the reasons by ID.
func explanations(dir string) (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, Explanations))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	var ids []string // since the last reason
	explained := false
	for i, line := range strings.Split(string(data), "\n") {
		indented, text := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"), strings.TrimSpace(line)
		fail := func(what string) error {
			return fmt.Errorf("%s:%d: %s; next: put a mutant's ID on a line, and the reason below it, indented", Explanations, i+1, what)
		}
		switch {
		case text == "" || strings.HasPrefix(line, "#"):
		case indented && len(ids) == 0:
			return nil, fail("a reason without a mutant")
		case indented:
			for _, id := range ids {
				reasons[id] = strings.TrimSpace(reasons[id] + " " + text)
			}
			explained = true
		default:
			if explained {
				ids, explained = nil, false
			}
			if _, twice := reasons[text]; twice {
				return nil, fail("this mutant is explained twice")
			}
			ids, reasons[text] = append(ids, text), ""
		}
	}
	if len(ids) > 0 && !explained {
		return nil, fmt.Errorf("%s: %s has no reason; next: write it below, indented", Explanations, ids[len(ids)-1])
	}
	return reasons, nil
}
