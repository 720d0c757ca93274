// Package crashlog reads the log of a program, and what the Go runtime writes at its end when it crashes.
package crashlog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

// Lines reads lines of any length, and keeps the first Most bytes of each. It is for one goroutine.
type Lines struct {
	// Reader is what they are read from. Required.
	*bufio.Reader
	// Most is how many bytes are kept of a line.
	Most int

	line []byte
}

// Next is the next line without its end, good until the call after. The error is io.EOF at the end, which may come in
// the middle of a line: that is one too.
func (l *Lines) Next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.ReadSlice('\n')
		if room := l.Most - len(l.line); room > 0 {
			l.line = append(l.line, part[:min(room, len(part))]...)
		}
		switch {
		case err == nil, len(l.line) > 0 && errors.Is(err, io.EOF):
			return bytes.TrimRight(l.line, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// Begins reports whether a line is the first of a crash, if a goroutine's stack follows: at the beginning of a line, where
// klog and logged stack traces never have these.
func Begins(line []byte) bool {
	return bytes.HasPrefix(line, []byte("fatal error: ")) || bytes.HasPrefix(line, []byte("panic: "))
}

// Stack is the stack of the goroutine that the runtime prints first, read line by line from what follows a crash's first
// line. Other goroutines may follow it. The zero value is ready, for as many frames as Most says.
type Stack struct {
	// Most is how many frames are kept.
	Most int
	// Frames are the frames, innermost first: function (file:line).
	Frames []string

	goroutines int
	over       bool
}

// Begun reports whether a goroutine has come.
func (s *Stack) Begun() bool { return s.goroutines > 0 }

// Over reports whether the stack has been read, or as much of it as is kept.
func (s *Stack) Over() bool { return s.over }

// Read takes a line.
func (s *Stack) Read(line string) {
	switch {
	case strings.HasPrefix(line, "goroutine "):
		s.goroutines++
		s.over = s.over || s.goroutines > 1
	case s.goroutines == 0 || s.over:
	case line == "":
		s.over = true
	case line[0] == '\t' || line[0] == ' ':
		if last := len(s.Frames) - 1; last >= 0 && !strings.HasSuffix(s.Frames[last], ")") {
			s.Frames[last] += position(line)
		}
	case len(s.Frames) == s.Most:
		s.over = true
	case !strings.HasPrefix(line, "[signal "):
		s.Frames = append(s.Frames, function(line))
	}
}

// function drops the arguments of a frame, which are addresses.
func function(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 && !strings.HasPrefix(line, "created by ") {
		return line[:i]
	}
	return line
}

// position renders the second line of a frame, "\t/dir/file.go:12 +0x34", as " (file.go:12)".
func position(line string) string {
	file, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return " (" + path.Base(file) + ")"
}
