package goproxy

import (
	"fmt"
	"strings"

	"fork.internal/apiserver/hack/internal/queue"
)

// noticeName is where a module says what was changed, as section 4(b) of the Apache License asks.
// No upstream tag has a file of that name.
const noticeName = "CHANGES"

// notice adds the notice of what m changes.
func (t *tree) notice(m *Module, c *queue.Changes) {
	var b strings.Builder
	fmt.Fprintf(&b, `This is %[1]s %[2]s: %[1]s %[3]s by its authors, with the changes
listed here. It is not a release of theirs. It is under the same licence: see LICENSE.

The changes:

`, m.Path, m.Version, m.Tag)
	for i, subject := range c.Patches {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, subject)
	}
	if len(c.Modified) > 0 {
		fmt.Fprintf(&b, "\nThese files of %s were changed (by which of the changes above):\n\n", m.Tag)
	}
	for _, f := range c.Modified {
		fmt.Fprintf(&b, "  %s (%s)\n", f.Name, strings.Trim(strings.ReplaceAll(fmt.Sprint(f.Patches), " ", ", "), "[]"))
	}
	list := func(title string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(&b, "\n%s\n\n  %s\n", title, strings.Join(names, "\n  "))
		}
	}
	list("These files were added:", append([]string{noticeName}, c.Added...))
	list("These files were removed:", c.Removed)
	t.add(noticeName, []byte(b.String()))
}
