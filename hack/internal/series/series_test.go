package series

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const list = `# The patches of v0.1, in order, for git am; make refresh and make carry write this.
../v0.2/0001-Shared.patch
# in place of ../v0.2/0002-Other.patch as of 0123456789abcdef
0002-Other.patch
0003-Only-here.patch
# without ../v0.2/0003-Not-here.patch
`

func write(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, "patches", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	root := write(t, map[string]string{"v0.1/series": list, "v0.1/0002-Other.patch": "", "v0.1/0003-Only-here.patch": "",
		"v0.1/.fork-1.patch": "", "v0.2/0001-Shared.patch": "", "v0.2/0010-b.patch": "", "v0.2/0002-a.patch": ""})
	s, err := Read(root, "v0.1")
	want := Series{Minor: "v0.1", Listed: true, Entries: []Entry{
		{Path: "v0.2/0001-Shared.patch"},
		{Path: "v0.1/0002-Other.patch", InPlaceOf: "v0.2/0002-Other.patch", AsOf: "0123456789abcdef"},
		{Path: "v0.1/0003-Only-here.patch"},
	}, Without: []string{"v0.2/0003-Not-here.patch"}}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v", s, err)
	}
	if got := string(s.Format()); got != list {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(s.Files(), " "); got != "patches/v0.2/0001-Shared.patch patches/v0.1/0002-Other.patch patches/v0.1/0003-Only-here.patch patches/v0.1/series" {
		t.Errorf("got %s", got)
	}
	if s.Own(s.Entries[0]) || !s.Own(s.Entries[1]) {
		t.Error("Own is wrong")
	}
	s, err = Read(root, "v0.2")
	if got := strings.Join(s.Files(), " "); err != nil || s.Listed || got != "patches/v0.2/0001-Shared.patch patches/v0.2/0002-a.patch patches/v0.2/0010-b.patch" {
		t.Errorf("without a list: %+v, %v", s, err)
	}
	if s, err = Read(root, "v0.3"); err != nil || len(s.Entries) != 0 {
		t.Errorf("without a directory: %+v, %v", s, err)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, test := range []struct{ list, want string }{
		{"a.patch\nb.patch\na.patch\n", "patches/v0.1/series, line 3: a.patch is there twice"},
		{"a.patch\n", "patches/v0.1/b.patch is not in patches/v0.1/series"},
		{"a.patch\nb.patch\nc.patch\n", "patches/v0.1/series names patches/v0.1/c.patch, and there is no such file"},
		{"a.patch\nb.patch\n../v0.2/c.patch\n", "names patches/v0.2/c.patch"},
		{"/a.patch\n", `line 1: "/a.patch" is not the path of a patch`},
		{"../../a.patch\n", `"../../a.patch" is not`},
		{"../a.patch\n", `"../a.patch" is not`},
		{"x/y/a.patch\n", `"x/y/a.patch" is not`},
		{"a.diff\n", `"a.diff" is not`},
		{"# without a\n", "line 1: a is not the path"},
		{"# in place of ../../a.patch\n", "line 1: ../../a.patch is not the path"},
	} {
		root := write(t, map[string]string{"v0.1/series": test.list, "v0.1/a.patch": "", "v0.1/b.patch": ""})
		if _, err := Read(root, "v0.1"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.list, err, test.want)
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	root := write(t, map[string]string{"v0.1/series": "a.patch\n", "v0.1/a.patch": "", "v0.2/series": "../v0.1/a.patch\n"})
	name := filepath.Join(root, "patches/v0.1/a.patch")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("series", name); err != nil {
		t.Fatal(err)
	}
	for minor, want := range map[string]string{"v0.1": "a.patch is not a regular file", "v0.2": "names patches/v0.1/a.patch"} {
		if _, err := Read(root, minor); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", minor, err, want)
		}
	}
}
