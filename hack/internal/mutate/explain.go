package mutate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// explanations are the reasons by ID that a file of a Subject's gives.
func explanations(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	name, reasons := filepath.Base(file), map[string]string{}
	var ids []string // since the last reason
	explained := false
	for i, line := range strings.Split(string(data), "\n") {
		indented, text := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"), strings.TrimSpace(line)
		fail := func(what string) error {
			return fmt.Errorf("%s:%d: %s; next: put a mutant's ID on a line, and the reason below it, indented", name, i+1, what)
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
		return nil, fmt.Errorf("%s: %s has no reason; next: write it below, indented", name, ids[len(ids)-1])
	}
	return reasons, nil
}
