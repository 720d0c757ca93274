package series

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse takes anything apart as a list of patches: an error names the file and the line, no path leads out of
// patches/, and what is read is written so that it is read again as the same, in a form that is kept.
func FuzzParse(f *testing.F) {
	lists, err := filepath.Glob(filepath.Join("..", "..", "..", "patches", "*", File))
	if err != nil || len(lists) == 0 {
		f.Fatalf("no lists: %v", err)
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Base(filepath.Dir(list)), data)
	}
	for _, s := range []string{
		"", "\n", "# a comment\n0001-a.patch", "a.patch\r\nb.patch\r\n", "a.patch\na.patch\n", "../v0.2/a.patch\n# in place of ../v0.2/b.patch as of 0123\nb.patch\n# without ../v0.2/c.patch\n",
		"# in place of b.patch\n", "# in place of b.patch\n# in place of c.patch\na.patch\n", "../../a.patch", "/a.patch", "../v0.1/a.patch", "..//a.patch", ".a.patch", "a b.patch", "# without ../x\n",
	} {
		f.Add("v0.1", []byte(s))
	}
	f.Fuzz(func(t *testing.T, minor string, data []byte) {
		if !filepath.IsLocal(minor) || filepath.Base(minor) != minor || strings.ContainsAny(minor, "\r\n") {
			t.Skip("no directory of a minor")
		}
		s, err := Parse(minor, data)
		if err != nil {
			if want := "patches/" + minor + "/series, line "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want it to begin with %s", err, want)
			}
			return
		}
		seen := map[string]bool{}
		for _, e := range s.Entries {
			for _, name := range []string{e.Path, e.InPlaceOf} {
				if name != "" && (!filepath.IsLocal(name) || filepath.ToSlash(filepath.Clean(name)) != name || strings.Count(name, "/") != 1) {
					t.Errorf("%q is no path of a patch", name)
				}
			}
			if seen[e.Path] {
				t.Errorf("%s is there twice", e.Path)
			}
			seen[e.Path] = true
		}
		text := s.Format()
		again, err := Parse(minor, text)
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("read again: %+v, %v, and before %+v, of\n%s", again, err, s, text)
		}
		if after := again.Format(); !bytes.Equal(text, after) {
			t.Errorf("written again: %q, and before %q", after, text)
		}
	})
}
