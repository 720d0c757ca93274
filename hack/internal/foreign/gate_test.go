package foreign

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGateOff(t *testing.T) {
	const gate = "\tPerHandlerReadWriteTimeout: {\n\t\t{Version: v, Default: true, PreRelease: featuregate.Beta},\n\t},\n\tOther: {\n\t\t{Default: true},\n\t},\n"
	tree, dir := t.TempDir(), t.TempDir()
	name := filepath.Join(tree, filepath.FromSlash(gateFile))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		gate: strings.Replace(gate, "true", "false", 1),
		strings.Replace(gate, "true", "false", 1):                          "",
		"\tOther: {\n\t\t{Default: true},\n\t},\n":                         "",
		strings.Replace(gate, "PerHandler", "SomeOther", 1) + "// nothing": "",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay, err := GateOff(tree, dir)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%q: got %v", text, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var replace struct{ Replace map[string]string }
		data, err := os.ReadFile(overlay)
		if err != nil || json.Unmarshal(data, &replace) != nil {
			t.Fatalf("%s: %v", data, err)
		}
		got, err := os.ReadFile(replace.Replace[name])
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v", got, err)
		}
	}
}
