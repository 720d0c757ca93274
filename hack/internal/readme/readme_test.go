package readme

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/pins"
)

func somePins() *pins.Pins {
	p := &pins.Pins{Module: "m", Consumer: "c"}
	for _, patch := range []string{"36.9", "36.10", "36.11", "36.13", "37.0-rc.0", "37.0", "37.1"} {
		p.Add(pins.Tag{Tag: "v0." + patch, Sum: "h1:x", Consumer: "v1." + patch})
	}
	p.Add(pins.Tag{Tag: "v0.38.0", Sum: "h1:x"})
	return p
}

func TestTable(t *testing.T) {
	const want = `| minor | m | c | patches |
|---|---|---|---|
| v0.38 | v0.38.0 |  | [patches/v0.38](patches/v0.38) |
| v0.37 | v0.37.0-rc.0, v0.37.0, v0.37.1 | v1.37.0-rc.0, v1.37.0, v1.37.1 | [patches/v0.37](patches/v0.37) |
| v0.36 | v0.36.9 to v0.36.11, v0.36.13 | v1.36.9 to v1.36.11, v1.36.13 | [patches/v0.36](patches/v0.36) |
`
	if got := Table(somePins()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCheckAndWrite(t *testing.T) {
	co := &checkout.Checkout{Root: t.TempDir()}
	name, p := filepath.Join(co.Root, "README.md"), somePins()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(want string) {
		t.Helper()
		if err := Check(co, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	fails("get it back from git")
	write("# Title\n" + begin)
	fails("put them where it shall be")
	if changed, err := Write(co, p); changed || err == nil {
		t.Errorf("got %v, %v", changed, err)
	}
	write("# Title\n\n" + begin + "old\n" + end + "\nmore\n")
	fails("make readme")
	if changed, err := Write(co, p); !changed || err != nil {
		t.Errorf("got %v, %v", changed, err)
	}
	data, err := os.ReadFile(name)
	if want := "# Title\n\n" + begin + "\n" + Table(p) + "\n" + end + "\nmore\n"; err != nil || string(data) != want {
		t.Errorf("got %s, %v, want %s", data, err, want)
	}
	if err := Check(co, p); err != nil {
		t.Error(err)
	}
	if changed, err := Write(co, p); changed || err != nil {
		t.Errorf("got %v, %v", changed, err)
	}
	p.Add(pins.Tag{Tag: "v0.38.1", Sum: "h1:x"})
	fails("make readme")
}
