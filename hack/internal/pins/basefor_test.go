package pins

import (
	"strings"
	"testing"
)

func TestBaseFor(t *testing.T) {
	p := &Pins{Module: "toy.test/m"}
	for _, tag := range []string{"v0.34.0", "v0.34.9", "v0.35.0", "v0.35.1", "v0.37.0", "v0.37.2"} {
		p.Add(Tag{Tag: tag, Sum: "h1:x"})
	}
	for tag, want := range map[string]string{
		"v0.37.3":       "v0.37.2",
		"v0.37.1":       "v0.37.0",
		"v0.34.10":      "v0.34.9",
		"v0.38.0":       "v0.37.2",
		"v0.38.0-rc.1":  "v0.37.2",
		"v0.36.0":       "v0.35.1",
		"v0.35.0-rc.0":  "v0.34.9",
		"v0.34.0-rc.0":  "v0.34.0",
		"v0.33.12":      "v0.34.0",
		"v0.37.0-rc.99": "v0.37.0", // v0.35 is not next to it
	} {
		if got, err := p.BaseFor(tag); err != nil || got.Tag != want {
			t.Errorf("%s: got %s, %v; want %s", tag, got.Tag, err, want)
		}
	}
	for tag, want := range map[string]string{
		"v0.39.0":                "neither v0.39 nor a minor next to it; the nearest is v0.37\nnext: if v0.39.0 is no slip, carry the patches to the minors between first, or name the tag to take them from: make rebase FROM=v0.37.2 TO=v0.39.0",
		"v0.32.9":                "the nearest is v0.34",
		"v1.37.0":                "the nearest is v0.37",
		"v0.99999999999999999.0": "the nearest is v0.37",
	} {
		if _, err := p.BaseFor(tag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", tag, err, want)
		}
	}
	if _, err := (&Pins{}).BaseFor("v0.1.0"); err == nil || !strings.Contains(err.Error(), "lists no tag") {
		t.Errorf("no pins: got %v", err)
	}
}
