package pins

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, content string) (*Pins, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pins.json")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestSaveSortsAndIsStable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins.json")
	p := &Pins{Module: "toy.test/m"}
	for _, tag := range []string{"v0.10.0", "v0.9.10", "v0.9.9", "v0.9.10-rc.1", "v0.9.9"} {
		p.Add(Tag{Tag: tag, Sum: "h1:x"})
	}
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Load(path); err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, tag := range p.All() {
		tags = append(tags, tag.Tag)
	}
	if got, want := strings.Join(tags, " "), "v0.9.9 v0.9.10-rc.1 v0.9.10 v0.10.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(first) {
		t.Errorf("got %s (%v), want %s", again, err, first)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

func TestManyMinors(t *testing.T) {
	p := &Pins{Module: "toy.test/m"}
	for minor := range 12 {
		for patch := range 4 {
			p.Add(Tag{Tag: fmt.Sprintf("v0.%d.%d", 26+minor, patch), Sum: "h1:x"})
		}
	}
	newest, err := p.Lookup("")
	if err != nil || newest.Tag != "v0.37.3" || p.NewestOf("v0.30") != "v0.30.3" || p.NewestOf("v0.99") != "" {
		t.Errorf("got %v, %v", newest, err)
	}
}

func TestNearest(t *testing.T) {
	p := &Pins{Module: "toy.test/m"}
	if got := p.Nearest("v0.1.0"); got != "" {
		t.Errorf("got %s", got)
	}
	for _, tag := range []string{"v0.2.1", "v0.2.3", "v0.5.0", "v0.5.2"} {
		p.Add(Tag{Tag: tag, Sum: "h1:x"})
	}
	for version, want := range map[string]string{
		"v0.2.0": "v0.2.1", "v0.2.1": "v0.2.1", "v0.2.2": "v0.2.3", "v0.2.4": "v0.2.3", "v0.5.2-rc.0": "v0.5.2",
		"v0.0.0": "v0.2.3", "v0.3.0": "v0.2.3", "v0.4.9": "v0.2.3", "v0.6.0": "v0.5.2", "v1.0.0": "v0.5.2",
	} {
		if got := p.Nearest(version); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	p := &Pins{Module: "toy.test/m"}
	if _, err := p.Lookup(""); err == nil || !strings.Contains(err.Error(), "no tag") {
		t.Errorf("got %v", err)
	}
	p.Add(Tag{Tag: "v0.1.0", Sum: "h1:x"})
	p.Add(Tag{Tag: "v0.2.0", Sum: "h1:y"})
	for tag, want := range map[string]string{
		"v0.3.0":      "unknown tag v0.3.0: patches/pins.json knows v0.1.0, v0.2.0; to carry the patches to it: make rebase TO=v0.3.0",
		"v0.2.0-rc.1": "to have its minor's patches apply to it as they are: make pins ADD=v0.2.0-rc.1",
		"0.2.0":       "known tags look like",
	} {
		if _, err := p.Lookup(tag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", tag, err, want)
		}
	}
}

func TestAVersionOfTheConsumer(t *testing.T) {
	p := &Pins{Module: "toy.test/m", Consumer: "toy.test/consumer"}
	p.Add(Tag{Tag: "v0.1.0", Sum: "h1:x", Consumer: "v1.1.7"})
	for version, own := range map[string]string{"v1.1.7": "v0.1.0", "v1.2.3": "v0.2.3"} {
		want := version + " is a version of toy.test/consumer"
		if _, err := p.Lookup(version); err == nil || !strings.Contains(err.Error(), want+", and the tag that goes with it is "+own) {
			t.Errorf("got %v", err)
		}
		if _, err := p.BaseFor(version); err == nil || !strings.Contains(err.Error(), want+"; next: make rebase TO="+own) {
			t.Errorf("got %v", err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	minor := func(name, tags string) string {
		return fmt.Sprintf(`{"module":"toy.test/m","minors":[{"minor":%q,"tags":[%s]}]}`, name, tags)
	}
	for _, test := range []struct{ content, want string }{
		{``, "EOF"},
		{`{}`, `"module" is missing`},
		{`{"module":"m","minor":[]}`, "unknown field"},
		{minor("v0.1", `{"tag":"v0.2.0","sum":"h1:x"}`), "v0.2.0 is listed below minor v0.1"},
		{minor("v0.1", `{"tag":"v0.1.0","sum":"h1:x"},{"tag":"v0.1.0","sum":"h1:y"}`), "v0.1.0 is listed twice"},
		{`{"module":"m","minors":[{"minor":"v0.1","tags":[]},{"minor":"v0.1","tags":[]}]}`, `minor "v0.1" is listed twice`},
		{`{"module":"m"}{"module":"n"}`, "something follows"},
		{`{"module":"m"}]`, "something follows"},
		{minor("v0.1", `{"tag":"v0.1.0","sum":""}`), "not an h1: checksum"},
		{minor("v0.1", `{"tag":"v0.1","sum":"h1:x"}`), `"v0.1" is not a version tag`},
		{minor("v0.1", `{"tag":"../x","sum":"h1:x"}`), `"../x" is not a version tag`},
	} {
		if _, err := load(t, test.content); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.content, err, test.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "pins.json")); err == nil || !strings.Contains(err.Error(), "get it back from git") {
		t.Errorf("got %v", err)
	}
}

func TestThisCheckoutsPins(t *testing.T) {
	if _, err := Load("../../../patches/pins.json"); err != nil {
		t.Error(err)
	}
}

func TestNewestOfAMinor(t *testing.T) {
	p := &Pins{Module: "toy.test/m", Minors: []Minor{{Minor: "v0.5"}}}
	for _, tag := range []string{"v0.10.0", "v0.9.9", "v0.9.10"} {
		p.Add(Tag{Tag: tag, Sum: "h1:x"})
	}
	if got := p.Newest(); len(got) != 2 || got[0].Tag != "v0.9.10" || got[1].Tag != "v0.10.0" {
		t.Errorf("got %v", got)
	}
	if got, err := p.OfMinor("v0.9"); err != nil || got.Tag != "v0.9.10" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := p.OfMinor(""); err == nil || !strings.Contains(err.Error(), "which minor? patches/pins.json has v0.9, v0.10;") {
		t.Errorf("no minor: got %v", err)
	}
	for _, minor := range []string{"v0.5", "v0.1", "v0.9.10", "0.9"} {
		if _, err := p.OfMinor(minor); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("unknown minor %q: patches/pins.json has v0.9, v0.10; next: MINOR=v0.10", minor)) {
			t.Errorf("%q: got %v", minor, err)
		}
	}
	if _, err := (&Pins{}).OfMinor("v0.9"); err == nil || !strings.Contains(err.Error(), "lists no tag") {
		t.Errorf("got %v", err)
	}
}
