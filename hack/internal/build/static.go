package build

import (
	"fmt"
	"path/filepath"
)

// static has the program be for Linux on arch, be linked with nothing, and name no directory of this machine:
// the same sources and the same Go make the same bytes, whatever the environment says.
func (p *program) static(arch string) {
	p.title += fmt.Sprintf(", static for %s", arch)
	p.bin = filepath.Join(filepath.Dir(p.bin), "static-"+arch, filepath.Base(p.bin))
	p.args = append(p.args, "-trimpath")
	p.env = append(p.env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off", "GOFLAGS=")
	p.ldflags += " -s -w"
}
