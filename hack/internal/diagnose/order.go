package diagnose

import (
	"os"
	"slices"
)

// Order has the files whose beginning is an audit log's come last: which requests are worth comparing is known when the
// logs have been read. A file that cannot be read keeps its place, as standard input, "-", does.
func Order(files []string) []string {
	audits := map[string]bool{}
	for _, name := range files {
		audits[name] = name != "-" && beginsAsAudit(name)
	}
	ordered := slices.Clone(files)
	slices.SortStableFunc(ordered, func(a, b string) int {
		switch {
		case audits[a] == audits[b]:
			return 0
		case audits[b]:
			return -1
		}
		return 1
	})
	return ordered
}

// beginsAsAudit looks at a regular file only: what is read of a pipe is gone.
func beginsAsAudit(name string) bool {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	lines, err := newLines(f)
	if err != nil {
		return false
	}
	var u unwrapper
	for range 10 {
		line, err := lines.Next()
		if err != nil {
			return false
		}
		if line, whole := u.unwrap(line); whole {
			if _, ok := parseEvent(line); ok {
				return true
			}
		}
	}
	return false
}
