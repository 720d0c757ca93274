package build

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/hack/internal/alive"
	"fork.internal/apiserver/hack/internal/lines"
)

// every is how often a build says that it is alive.
const every = 15 * time.Second

// Progress takes `go build -v`'s standard error: it counts the packages and keeps the rest. It may
// be used by any goroutine.
type Progress struct {
	mu       sync.Mutex
	lines    lines.Splitter // guarded by mu
	rest     []string
	packages int
	modules  int
}

// keepLines is how many lines of errors are kept.
const keepLines = 60

// Write takes some of the output. It never fails.
func (p *Progress) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines.Feed(data, func(line []byte) { p.line(string(line)) })
	return len(data), nil
}

// line needs mu.
func (p *Progress) line(s string) {
	switch {
	case strings.HasPrefix(s, "go: downloading "):
		p.modules++
	case strings.HasPrefix(s, "go: finding ") || strings.HasPrefix(s, "go: found ") || strings.HasPrefix(s, "go: added "):
	case s != "" && !strings.ContainsAny(s, " :\t"): // an import path
		p.packages++
	case len(p.rest) < keepLines:
		p.rest = append(p.rest, s)
	}
}

// Kept is what was neither a package nor a download.
func (p *Progress) Kept() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(append(p.rest, p.lines.Rest()), "\n")
}

// String says how far the build is.
func (p *Progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf("%d modules downloaded", p.modules)
	if p.packages > 0 { // `go test -c` does not name them.
		s += fmt.Sprintf(", %d packages compiled", p.packages)
	}
	return s
}

// Watch returns a Progress that is reported to w until stop is called.
func Watch(w io.Writer, title string) (p *Progress, stop func()) {
	p = &Progress{}
	return p, alive.Watch(w, every, title, p.String)
}
