package pins

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// BaseFor is the pinned tag whose patches are the likeliest to fit tag, which is not pinned itself:
// the newest older one of its minor, otherwise the newest of the minor before, otherwise the oldest
// of the minor after. The error says that none of these minors is pinned, and what to do first.
func (p *Pins) BaseFor(tag string) (Tag, error) {
	if own := p.ownTag(tag); own != "" {
		return Tag{}, fmt.Errorf("%s is a version of %s; next: make rebase TO=%s, the tag that goes with it", tag, p.Consumer, own)
	}
	var older, newer Tag // next to tag
	for _, t := range p.All() {
		if semver.Compare(t.Tag, tag) < 0 {
			older = t
		} else if newer.Tag == "" {
			newer = t
		}
	}
	if older.Tag == "" && newer.Tag == "" {
		return Tag{}, errors.New("patches/pins.json lists no tag to take patches from")
	}
	for _, t := range []Tag{older, newer} {
		if t.Tag != "" && adjacent(t.Tag, tag) {
			return t, nil
		}
	}
	near := older
	if near.Tag == "" {
		near = newer
	}
	return Tag{}, fmt.Errorf("patches/pins.json has neither %s nor a minor next to it; the nearest is %s\n"+
		"next: if %s is no slip, carry the patches to the minors between first, or name the tag to take them from: make rebase FROM=%s TO=%[3]s",
		MinorOf(tag), MinorOf(near.Tag), tag, near.Tag)
}

// adjacent reports whether two tags are of one minor, or of two with none between them.
func adjacent(a, b string) bool {
	if semver.Major(a) != semver.Major(b) {
		return false
	}
	d := minorNumber(a) - minorNumber(b)
	return -1 <= d && d <= 1
}

// minorNumber is 37 for v0.37.2, and needs a tag that has passed CheckTag.
func minorNumber(tag string) int {
	number := strings.TrimPrefix(MinorOf(tag), semver.Major(tag)+".")
	n, err := strconv.Atoi(number)
	if err != nil { // of more digits than an int has
		return -1 << 31
	}
	return n
}
