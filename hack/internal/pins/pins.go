// Package pins is the list of the upstream tags that the fork supports, with their checksums.
package pins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// Pins is patches/pins.json. Minors are in ascending order and so are the tags of each; every tag
// is in its own minor, once.
type Pins struct {
	// Module is the module that the patches are for.
	Module string `json:"module"`
	// Consumer is the module that is built with it; empty means none.
	Consumer string `json:"consumer,omitempty"`
	// Etcd is the version of go.etcd.io/etcd/server/v3 to run with; empty means none.
	Etcd string `json:"etcd,omitempty"`
	// Minors are the patch queues, one for each minor.
	Minors []Minor `json:"minors"`
	// Next is a pre-release that the newest queue is tried on (queue.VerifyNext); nil means none. It is in no minor,
	// and goes when a newer tag is pinned.
	Next *Tag `json:"next,omitempty"`
}

// Minor is one patch queue and the tags that it applies to. The patches are written against the
// last of them.
type Minor struct {
	Minor string `json:"minor"`
	Tags  []Tag  `json:"tags"`
}

// Tag is one release of the module.
type Tag struct {
	Tag string `json:"tag"`
	// Sum is the h1: checksum of the module's zip, as in go.sum.
	Sum string `json:"sum"`
	// Consumer is the version of Pins.Consumer that was released with it; empty means none.
	Consumer string `json:"consumer,omitempty"`
}

// MinorOf is the minor that tag belongs to: v0.37 for v0.37.2.
func MinorOf(tag string) string { return semver.MajorMinor(tag) }

// CheckTag says what is wrong with the form of tag, and where to find a good one.
func CheckTag(tag string) error {
	if !wellFormed(tag) {
		return fmt.Errorf("%q is not a version tag like v0.37.2; next: make pins, which lists those that are pinned", tag)
	}
	return nil
}

func wellFormed(tag string) bool {
	// The tag becomes the name of a directory: Canonical has digits, letters, dots and hyphens only.
	return semver.IsValid(tag) && semver.Canonical(tag) == tag
}

// Newer says whether minor a comes after minor b.
func Newer(a, b string) bool { return semver.Compare(a, b) > 0 }

// Load reads the pins and checks that they are well formed.
func Load(path string) (*Pins, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: it lists the upstream tags and their checksums; get it back from git", path)
	}
	if err != nil {
		return nil, err
	}
	p := &Pins{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: something follows what is to be in it; next: remove that, or get the file back from git", path)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.sort()
	return p, nil
}

func (p *Pins) check() error {
	if p.Module == "" {
		return errors.New(`"module" is missing`)
	}
	seen := map[string]bool{}
	for i, m := range p.Minors {
		if slices.ContainsFunc(p.Minors[:i], func(other Minor) bool { return other.Minor == m.Minor }) {
			return fmt.Errorf("minor %q is listed twice", m.Minor)
		}
		for _, t := range m.Tags {
			if err := t.check(); err != nil {
				return err
			}
			switch {
			case MinorOf(t.Tag) != m.Minor:
				return fmt.Errorf("%s is listed below minor %s", t.Tag, m.Minor)
			case seen[t.Tag]:
				return fmt.Errorf("%s is listed twice", t.Tag)
			}
			seen[t.Tag] = true
		}
	}
	if p.Next == nil {
		return nil
	}
	for _, t := range p.All() {
		if semver.Compare(p.Next.Tag, t.Tag) <= 0 {
			return fmt.Errorf("next, %s, is not newer than %s, which is pinned: remove it", p.Next.Tag, t.Tag)
		}
	}
	return p.Next.check()
}

func (t Tag) check() error {
	if !wellFormed(t.Tag) {
		return fmt.Errorf("%q is not a version tag like v0.37.2", t.Tag)
	}
	if !strings.HasPrefix(t.Sum, "h1:") {
		return fmt.Errorf("%s: sum %q is not an h1: checksum", t.Tag, t.Sum)
	}
	return nil
}

func (p *Pins) sort() {
	slices.SortFunc(p.Minors, func(a, b Minor) int { return semver.Compare(a.Minor, b.Minor) })
	for _, m := range p.Minors {
		slices.SortFunc(m.Tags, func(a, b Tag) int { return semver.Compare(a.Tag, b.Tag) })
	}
}

// Save writes the pins, in one step and always in the same form.
func (p *Pins) Save(path string) error {
	p.sort()
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	tmp := filepath.Join(filepath.Dir(path), ".fork-pins.json")
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// All lists every tag in ascending order.
func (p *Pins) All() []Tag {
	var all []Tag
	for _, m := range p.Minors {
		all = append(all, m.Tags...)
	}
	return all
}

// Newest lists the newest tag of each minor in ascending order.
func (p *Pins) Newest() []Tag {
	var newest []Tag
	for _, m := range p.Minors {
		if len(m.Tags) > 0 {
			newest = append(newest, m.Tags[len(m.Tags)-1])
		}
	}
	return newest
}

// OfMinor is the newest tag of minor. The error for an unknown one lists what is known.
func (p *Pins) OfMinor(minor string) (Tag, error) {
	var known []string
	for _, t := range p.Newest() {
		if MinorOf(t.Tag) == minor {
			return t, nil
		}
		known = append(known, MinorOf(t.Tag))
	}
	if len(known) == 0 {
		return Tag{}, errors.New("patches/pins.json lists no tag")
	}
	what := "which minor?"
	if minor != "" {
		what = fmt.Sprintf("unknown minor %q:", minor)
	}
	return Tag{}, fmt.Errorf("%s patches/pins.json has %s; next: MINOR=%s, or make rebase TO= with a tag of another minor to carry the patches there",
		what, strings.Join(known, ", "), known[len(known)-1])
}

// Find is Load and Lookup.
func Find(path, tag string) (*Pins, Tag, error) {
	p, err := Load(path)
	if err != nil {
		return nil, Tag{}, err
	}
	pin, err := p.Lookup(tag)
	return p, pin, err
}

// Lookup finds tag; an empty tag means the newest. The error for an unknown one lists what is known.
func (p *Pins) Lookup(tag string) (Tag, error) {
	all := p.All()
	if len(all) == 0 {
		return Tag{}, errors.New("patches/pins.json lists no tag")
	}
	newest := all[len(all)-1]
	if tag == "" {
		return newest, nil
	}
	names := make([]string, len(all))
	for i, t := range all {
		if t.Tag == tag {
			return t, nil
		}
		names[i] = t.Tag
	}
	return Tag{}, fmt.Errorf("unknown tag %s: patches/pins.json knows %s; %s", tag, Ranges(names), p.Unpinned(tag))
}

// Unpinned is what to do about a tag that is not pinned.
func (p *Pins) Unpinned(tag string) string {
	newest := p.NewestOf(MinorOf(tag))
	switch own := p.ownTag(tag); {
	case !wellFormed(tag):
		return "known tags look like v0.37.2"
	case own != "":
		return fmt.Sprintf("%s is a version of %s, and the tag that goes with it is %s", tag, p.Consumer, own)
	case newest != "" && semver.Compare(tag, newest) < 0:
		return "to have its minor's patches apply to it as they are: make pins ADD=" + tag
	}
	return "to carry the patches to it: make rebase TO=" + tag
}

// ownTag is the tag that was released with a version of the consumer, pinned or not; "" when version
// is no such version. Kubernetes releases v1.X.Y together with v0.X.Y of its staging modules.
func (p *Pins) ownTag(version string) string {
	for _, t := range p.All() {
		if t.Consumer == version {
			return t.Tag
		}
	}
	if rest, ok := strings.CutPrefix(version, "v1."); ok && p.Consumer != "" {
		return "v0." + rest
	}
	return ""
}

// ConsumerOf is the version of the consumer that is released with tag. See ownTag.
func (p *Pins) ConsumerOf(tag string) (string, error) {
	rest, ok := strings.CutPrefix(tag, "v0.")
	if !ok {
		return "", fmt.Errorf("no version of %s belongs to %s: v0.X.Y goes with v1.X.Y", p.Consumer, tag)
	}
	return "v1." + rest, nil
}

// Nearest is the pinned tag to take for version, which need not be pinned: of its minor the next, or
// else the last; the last of the next older minor when its own has none, or of the oldest. It is ""
// when nothing is pinned.
func (p *Pins) Nearest(version string) string {
	nearest := ""
	for _, m := range p.Minors {
		if len(m.Tags) == 0 || nearest != "" && semver.Compare(m.Minor, version) > 0 {
			continue
		}
		nearest = m.Tags[len(m.Tags)-1].Tag
		if i := slices.IndexFunc(m.Tags, func(t Tag) bool { return semver.Compare(t.Tag, version) >= 0 }); i >= 0 && m.Minor == MinorOf(version) {
			nearest = m.Tags[i].Tag
		}
	}
	return nearest
}

// NearestConsumed is Nearest among the tags that have a consumer.
func (p *Pins) NearestConsumed(version string) string {
	with := &Pins{}
	for _, t := range p.All() {
		if t.Consumer != "" {
			with.Add(t)
		}
	}
	return with.Nearest(version)
}

// NewestOf is the tag that minor's patches are written against, or "".
func (p *Pins) NewestOf(minor string) string {
	for _, m := range p.Minors {
		if m.Minor == minor && len(m.Tags) > 0 {
			return m.Tags[len(m.Tags)-1].Tag
		}
	}
	return ""
}

// Add adds t, or replaces the entry of the same tag. A Next that is not newer goes.
func (p *Pins) Add(t Tag) {
	if p.Next != nil && semver.Compare(p.Next.Tag, t.Tag) <= 0 {
		p.Next = nil
	}
	minor := MinorOf(t.Tag)
	i := slices.IndexFunc(p.Minors, func(m Minor) bool { return m.Minor == minor })
	if i < 0 {
		p.Minors = append(p.Minors, Minor{Minor: minor})
		i = len(p.Minors) - 1
	}
	m := &p.Minors[i]
	m.Tags = slices.DeleteFunc(m.Tags, func(old Tag) bool { return old.Tag == t.Tag })
	m.Tags = append(m.Tags, t)
	p.sort()
}
