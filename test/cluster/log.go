package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"fork.internal/apiserver/test/crashlog"
)

const (
	tailLines = 15

	// tailBytes is how much of a log counts as its end.
	tailBytes = 64 << 10

	// tailWidth cuts a line: a klog line can be an object.
	tailWidth = 400

	crashFrames = 12

	// crashLines bounds the search for the frames below a crash's first line; below them come all other
	// goroutines.
	crashLines = 200
)

// Crash is how the Go runtime ended a process, as its log has it.
type Crash struct {
	// Line is the first line that begins with "fatal error:" or "panic:".
	Line string `json:"line,omitempty"`

	// Frames are the innermost frames of the goroutine that the runtime printed first, innermost first:
	// function (file:line).
	Frames []string `json:"frames,omitempty"`
}

// findCrash reads a log from its beginning: what follows a crash is a dump of every goroutine, so its end
// says nothing.
func findCrash(logPath string) (c Crash) {
	f, err := os.Open(logPath)
	if err != nil {
		return Crash{}
	}
	defer f.Close()

	lines := newLines(f)
	for c.Line == "" {
		line, err := lines.Next()
		if err != nil {
			return Crash{}
		}
		if crashlog.Begins(line) {
			c.Line = string(line)
		}
	}
	stack := crashlog.Stack{Most: crashFrames}
	for n := 0; n < crashLines && !stack.Over(); n++ {
		line, err := lines.Next()
		if err != nil {
			break
		}
		stack.Read(string(line))
	}
	c.Frames = stack.Frames
	return c
}

// logTail is the last n lines of a file, or why they cannot be had.
func logTail(logPath string, n int) string {
	f, err := os.Open(logPath)
	if err != nil {
		return fmt.Sprintf("  (no log: %v)", err)
	}
	defer f.Close()
	seekEnd(f)
	var last []string
	lines := newLines(f)
	for {
		line, err := lines.Next()
		if err != nil {
			break
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if last = append(last, "  "+string(line)); len(last) > n {
			last = last[1:]
		}
	}
	if len(last) == 0 {
		return "  (the log is empty)"
	}
	return strings.Join(last, "\n")
}

// endContains says whether the end of a file has the text, be it before a panic's stack.
func endContains(logPath, text string) bool {
	f, err := os.Open(logPath)
	if err != nil {
		return false
	}
	defer f.Close()
	seekEnd(f)
	data, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	return strings.Contains(string(data), text)
}

// seekEnd leaves f where it is when it cannot be sought.
func seekEnd(f *os.File) {
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		f.Seek(max(0, size-tailBytes), io.SeekStart)
	}
}

func newLines(r io.Reader) *crashlog.Lines {
	return &crashlog.Lines{Reader: bufio.NewReader(r), Most: tailWidth}
}
