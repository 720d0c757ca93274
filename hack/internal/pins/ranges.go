package pins

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// Ranges lists versions, which are in order; those that follow on each other are one range.
func Ranges(versions []string) string {
	var parts []string
	for i := 0; i < len(versions); {
		last := i
		for last+1 < len(versions) && follows(versions[last], versions[last+1]) {
			last++
		}
		switch last {
		case i:
			parts = append(parts, versions[i])
		case i + 1:
			parts = append(parts, versions[i], versions[last])
		default:
			parts = append(parts, versions[i]+" to "+versions[last])
		}
		i = last + 1
	}
	return strings.Join(parts, ", ")
}

// follows reports whether no release fits between two of one minor.
func follows(a, b string) bool {
	var x, y int
	minor := semver.MajorMinor(a)
	if semver.Prerelease(a)+semver.Prerelease(b) != "" || minor != semver.MajorMinor(b) {
		return false
	}
	_, err := fmt.Sscan(strings.TrimPrefix(a, minor+"."), &x)
	_, err2 := fmt.Sscan(strings.TrimPrefix(b, minor+"."), &y)
	return err == nil && err2 == nil && y == x+1
}
