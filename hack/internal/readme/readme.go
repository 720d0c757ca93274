// Package readme keeps the part of README.md that the pins say.
package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

// The lines between which the table stands.
const (
	begin = "<!-- The pins; `make readme` writes this. -->\n"
	end   = "<!-- End of the pins. -->\n"
)

// Table is the compatibility table: a line for each minor, the newest first.
func Table(p *pins.Pins) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| minor | %s | %s | patches |\n|---|---|---|---|\n", p.Module, p.Consumer)
	for _, m := range slices.Backward(p.Minors) {
		var tags, consumers []string
		for _, t := range m.Tags {
			tags = append(tags, t.Tag)
			if t.Consumer != "" {
				consumers = append(consumers, t.Consumer)
			}
		}
		fmt.Fprintf(&b, "| %[1]s | %s | %s | [patches/%[1]s](patches/%[1]s) |\n", m.Minor, pins.Ranges(tags), pins.Ranges(consumers))
	}
	return b.String()
}

// Check fails when README.md's table is not what the pins say.
func Check(co *checkout.Checkout, p *pins.Pins) error {
	old, updated, err := update(co, p)
	if err == nil && old != updated {
		err = fmt.Errorf("README.md's compatibility table is not what patches/pins.json says; next: make readme")
	}
	return err
}

// Write writes the table to README.md and says whether that changed it.
func Write(co *checkout.Checkout, p *pins.Pins) (changed bool, err error) {
	old, updated, err := update(co, p)
	if err != nil || old == updated {
		return false, err
	}
	tmp := path(co) + ".new"
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, []byte(updated), 0o644); err != nil {
		return false, err
	}
	return true, os.Rename(tmp, path(co))
}

func path(co *checkout.Checkout) string { return filepath.Join(co.Root, "README.md") }

// update is README.md as it is, and as it should be.
func update(co *checkout.Checkout, p *pins.Pins) (old, updated string, err error) {
	data, err := os.ReadFile(path(co))
	if err != nil {
		return "", "", fmt.Errorf("%w; next: get it back from git", err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", "", fmt.Errorf("README.md lacks the lines between which its compatibility table stands; next: put them where it shall be:\n%s%s", begin, end)
	}
	return string(data), before + begin + "\n" + Table(p) + "\n" + end + after, nil
}
