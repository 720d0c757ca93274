package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
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

	lines := &lineReader{r: bufio.NewReader(f)}
	for c.Line == "" {
		line, ok := lines.next()
		if !ok {
			return Crash{}
		}
		// At the beginning of a line: klog and logged stack traces never start one with these.
		if strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "panic: ") {
			c.Line = line
		}
	}
	inside := false
	for n := 0; n < crashLines && len(c.Frames) < crashFrames; n++ {
		line, ok := lines.next()
		switch {
		case !ok:
			return c
		case strings.HasPrefix(line, "goroutine "):
			if inside {
				return c
			}
			inside = true
		case !inside:
		case line == "":
			return c
		case strings.HasPrefix(line, "\t"):
			if last := len(c.Frames) - 1; last >= 0 {
				c.Frames[last] += position(line)
			}
		default:
			c.Frames = append(c.Frames, function(line))
		}
	}
	// The loop ends at a function's line; its position is the next one.
	if line, ok := lines.next(); ok && len(c.Frames) == crashFrames && strings.HasPrefix(line, "\t") {
		c.Frames[crashFrames-1] += position(line)
	}
	return c
}

// function drops the arguments of a frame, which are addresses.
func function(line string) string {
	if strings.HasPrefix(line, "created by ") {
		return line
	}
	if i := strings.LastIndexByte(line, '('); i > 0 {
		return line[:i]
	}
	return line
}

// position renders the second line of a frame, "\t/dir/file.go:12 +0x34", as " (file.go:12)".
func position(line string) string {
	file, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return " (" + path.Base(file) + ")"
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
	lines := &lineReader{r: bufio.NewReader(f)}
	for {
		line, ok := lines.next()
		if !ok {
			break
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if last = append(last, "  "+line); len(last) > n {
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

// lineReader reads lines of any length and returns at most tailWidth bytes of each.
type lineReader struct{ r *bufio.Reader }

func (l *lineReader) next() (string, bool) {
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if room := tailWidth - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		switch {
		case err == nil:
			return strings.TrimRight(string(line), "\r\n"), true
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return string(line), len(line) > 0
		}
	}
}
