package rhythm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Lines takes what a stream carries, and holds each byte against what was sent. Its methods may be called from several
// goroutines; its fields are not changed meanwhile.
type Lines struct {
	// Line is the line that is to come after i others, with its end.
	Line func(i int) []byte
	// Last is what is to come after all lines; empty for nothing.
	Last string
	// Late is whether it may have begun without the receiver: what comes before the first end of a line is passed over,
	// and the line after that may be any.
	Late bool

	mu      sync.Mutex
	rest    []byte
	begun   bool
	first   int
	next    int
	size    int64
	ended   bool // last has come
	at      time.Time
	silence time.Duration // the longest
	wrong   error
}

// Write fails once something is wrong.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); len(p) > 0 {
		if !l.at.IsZero() {
			l.silence = max(l.silence, now.Sub(l.at))
		}
		l.at, l.size = now, l.size+int64(len(p))
	}
	l.rest = append(l.rest, p...)
	for l.wrong == nil {
		end := bytes.IndexByte(l.rest, '\n') + 1
		if end == 0 {
			return len(p), nil
		}
		l.take(l.rest[:end])
		l.rest = l.rest[end:]
	}
	return 0, l.wrong
}

func (l *Lines) take(got []byte) {
	if l.Late && !l.begun {
		l.begun, l.next = true, -1
		return
	}
	if l.next < 0 {
		if _, err := fmt.Sscanf(string(got), "%d ", &l.next); err != nil {
			l.wrong = fmt.Errorf("the first line is %s", short(got))
			return
		}
		l.first = l.next
	}
	switch want := l.Line(l.next); {
	case l.ended:
		l.wrong = fmt.Errorf("after the last line, %d, and its end: %s", l.next-1, short(got))
	case bytes.Equal(got, want):
		l.next++
	case len(l.Last) > 0 && string(got) == l.Last:
		l.ended = true
	default:
		l.wrong = fmt.Errorf("in place of line %d: %s, not %s", l.next, short(got), short(want))
	}
}

func short(b []byte) string {
	if len(b) > 80 {
		return fmt.Sprintf("%q... (%d bytes)", b[:80], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// Count is how many lines have come, from the first of all on.
func (l *Lines) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Silence is the longest that there was between two pieces of it.
func (l *Lines) Silence() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silence
}

// Result says what has come of n lines, or of any number if n is negative, and what was wrong with it.
func (l *Lines) Result(n int) (said string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	said = fmt.Sprintf("lines %d to %d, %.1f MB, once each; the longest silence %.0f s", l.first, l.next-1, float64(l.size)/1e6, l.silence.Seconds())
	switch {
	case l.wrong != nil:
		return said, l.wrong
	case len(l.rest) > 0:
		return said, fmt.Errorf("after line %d it ends with %s", l.next-1, short(l.rest))
	case len(l.Last) > 0 && !l.ended:
		return said, fmt.Errorf("it ends after line %d, without %q", l.next-1, l.Last)
	case n >= 0 && l.next != n || l.next <= l.first:
		return said, fmt.Errorf("it ends after line %d, of %d", l.next-1, n)
	}
	return said, nil
}

// EchoLine is a line of those that are sent to be echoed: a number, and up to 4 KB that differ from line to line.
func EchoLine(i int) []byte {
	line := fmt.Appendf(nil, "%d ", i)
	for n := range i * 7919 % 4096 {
		line = append(line, 'a'+byte((i+n*n)%26))
	}
	return append(line, '\n')
}

// Send writes EchoLines in the rhythm until a time, and one at the end. It returns how many.
func (r Rhythm) Send(ctx context.Context, w io.Writer, until time.Time) (int, error) {
	begun := time.Now()
	ticker := time.NewTicker(time.Second / PerSecond)
	defer ticker.Stop()
	for i := 0; ; {
		over := !time.Now().Before(until)
		if over || r.Talks(time.Since(begun)) {
			if _, err := w.Write(EchoLine(i)); err != nil {
				return i, fmt.Errorf("sending line %d: %w", i, err)
			}
			i++
		}
		if over {
			return i, nil
		}
		select {
		case <-ctx.Done():
			return i, fmt.Errorf("after %d lines: %w", i, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// Slowly reads Chunk bytes after each pause, in however many pieces they come, and ends with Context. One goroutine uses it
// at a time.
type Slowly struct {
	io.Reader
	Context context.Context
	Chunk   int
	Pause   time.Duration

	left int // of a chunk
}

// Read pauses where a chunk is over.
func (s *Slowly) Read(p []byte) (int, error) {
	if s.left == 0 {
		select {
		case <-s.Context.Done():
			return 0, context.Cause(s.Context)
		case <-time.After(s.Pause):
		}
		s.left = s.Chunk
	}
	n, err := s.Reader.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}
