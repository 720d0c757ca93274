package pins

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzLoad reads any file as pins.json: an error names the file, and what is read is written so that it is read again
// as the same, in a form that is kept. What asks for tags of it does not panic, and finds those that are there.
func FuzzLoad(f *testing.F) {
	own, err := os.ReadFile(filepath.Join("..", "..", "..", "patches", "pins.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	for _, s := range []string{
		"", "{}", "null", `{"module":"m"}`, `{"module":"m","minors":[{"minor":"v0.1","tags":null}]}`, `{"module":"m","minors":[{"minor":"","tags":[]}]}`,
		`{"module":"m","consumer":"c","etcd":"v3","minors":[{"minor":"v0.2","tags":[{"tag":"v0.2.0","sum":"h1:x","consumer":"v1.2.0"}]},{"minor":"v0.1","tags":[{"tag":"v0.1.1","sum":"h1:x"},{"tag":"v0.1.0","sum":"h1:x"}]}]}`,
		`{"module":"m","minors":[{"minor":"v0.1","tags":[{"tag":"v0.1.0","sum":"h1:x"}]},{"minor":"v0.1","tags":[{"tag":"v0.1.1","sum":"h1:x"}]}]}`,
		`{"module":"m","minors":[],"next":{"tag":"v0.3.0-beta.0","sum":"h1:x"}}`, `{"module":"m"}{"module":"n"}`,
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		name, again := filepath.Join(dir, "pins.json"), filepath.Join(dir, "again.json")
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := Load(name)
		if err != nil {
			if p != nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, %v, which does not name the file", p, err)
			}
			return
		}
		if !json.Valid(data) {
			t.Error("read, and it is no JSON: writing it loses what there is besides")
		}
		if err := p.Save(again); err != nil {
			t.Fatal(err)
		}
		q, err := Load(again)
		if err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("read again: %+v, %v, and before %+v", q, err, p)
		}
		before, _ := os.ReadFile(again)
		if err := q.Save(again); err != nil {
			t.Fatal(err)
		}
		if after, _ := os.ReadFile(again); !bytes.Equal(before, after) {
			t.Errorf("written again: %q, and before %q", after, before)
		}
		for _, tag := range p.All() {
			if found, err := p.Lookup(tag.Tag); err != nil || found != tag {
				t.Errorf("%s: found %v, %v", tag.Tag, found, err)
			}
			if nearest := p.Nearest(tag.Tag); nearest != tag.Tag {
				t.Errorf("nearest to %s, which is pinned: %s", tag.Tag, nearest)
			}
			if _, err := p.OfMinor(MinorOf(tag.Tag)); err != nil {
				t.Error(err)
			}
		}
		q.Add(Tag{Tag: "v0.99.0", Sum: "h1:x"})
		if found, err := q.Lookup("v0.99.0"); err != nil || found.Sum != "h1:x" {
			t.Errorf("what was added: found %v, %v", found, err)
		}
	})
}
