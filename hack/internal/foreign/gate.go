package foreign

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// gateFile is where a tree has the default of the fork's feature gate.
const gateFile = "pkg/features/per_handler_read_write_timeout.go"

// gateOn finds that default.
var gateOn = regexp.MustCompile(`(\tPerHandlerReadWriteTimeout: \{\n(?:\t\t.*\n)*?\t\t.*Default: )true`)

// GateOff writes to dir, which must be there, what go's -overlay needs for tests in tree with the fork's gate off, which
// is upstream's behaviour, and returns the overlay's name.
func GateOff(tree, dir string) (overlay string, err error) {
	name := filepath.Join(tree, filepath.FromSlash(gateFile))
	on, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	off := gateOn.ReplaceAll(on, []byte("${1}false"))
	if string(off) == string(on) {
		return "", fmt.Errorf("PerHandlerReadWriteTimeout is not on by default in %s: nothing would be tested twice; next: see what the patches make of that file, and have this look for it", name)
	}
	replacement, overlay := filepath.Join(dir, "gate-off.go"), filepath.Join(dir, "gate-off.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {name: replacement}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(replacement, off, 0o644); err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o644)
}
