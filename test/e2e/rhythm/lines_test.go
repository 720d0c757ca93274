package rhythm

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// joined are lines, and whatever else.
func joined(lines ...any) string {
	var all strings.Builder
	for _, line := range lines {
		switch line := line.(type) {
		case int:
			all.Write(Line(line))
		case string:
			all.WriteString(line)
		}
	}
	return all.String()
}

func TestLines(t *testing.T) {
	half := joined(2)[:20]
	for name, tt := range map[string]struct {
		sent string
		last string
		late bool
		n    int
		want string // of the error; empty for none
	}{
		"whole":              {sent: joined(0, 1, 2, Last), last: Last, n: 3},
		"no end":             {sent: joined(0, 1, 2), n: 3},
		"any number":         {sent: joined(0, 1, 2), n: -1},
		"begun before":       {sent: joined(half, "\n", 5, 6, Last), last: Last, late: true, n: -1},
		"a line is lost":     {sent: joined(0, 2), n: 3, want: "in place of line 1"},
		"a line comes twice": {sent: joined(0, 1, 1), n: 2, want: "in place of line 2"},
		"out of order":       {sent: joined(1, 0), n: 2, want: "in place of line 0"},
		"the last is lost":   {sent: joined(0, 1), n: 3, want: "ends after line 1, of 3"},
		"a part of a line":   {sent: joined(0, 1, half), n: -1, want: `ends with "2 abc`},
		"another byte":       {sent: strings.Replace(joined(0, 1), "j", "J", 1), n: 2, want: "in place of line 0"},
		"a byte is lost":     {sent: strings.Replace(joined(0, 1), "j", "", 1), n: 2, want: "in place of line 0"},
		"a byte in between":  {sent: joined(0, "\n", 1), n: 2, want: `in place of line 1: "\n"`},
		"end is lost":        {sent: joined(0, 1), last: Last, n: 2, want: `without "end\n"`},
		"end comes twice":    {sent: joined(0, Last, Last), last: Last, n: 1, want: "after the last line, 0"},
		"end is none":        {sent: joined(0, Last), n: 1, want: "in place of line 1"},
		"nothing":            {want: "ends after line -1", n: -1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				l := &Lines{Line: Line, Last: tt.last, Late: tt.late}
				io.CopyBuffer(l, struct{ io.Reader }{strings.NewReader(tt.sent)}, make([]byte, size))
				if _, err := l.Result(tt.n); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("in pieces of %d: got %v, want %q", size, err, tt.want)
				}
			}
		})
	}
}

// TestSend sends with a silence, and has Lines take it.
func TestSend(t *testing.T) {
	l := &Lines{Line: EchoLine}
	n, err := Rhythm{Talk: 200 * time.Millisecond, Silence: 500 * time.Millisecond}.Send(t.Context(), l, time.Now().Add(time.Second))
	if err != nil || n < 5 {
		t.Errorf("%d lines, %v", n, err)
	}
	if said, err := l.Result(n); err != nil || l.Silence() < 400*time.Millisecond || l.Silence() > 2*time.Second {
		t.Errorf("%s, %v", said, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Rhythm{Talk: time.Hour}).Send(ctx, io.Discard, time.Now().Add(time.Hour)); err == nil {
		t.Errorf("it has not ended with its context")
	}
}

func TestSlowly(t *testing.T) {
	const pause = 50 * time.Millisecond
	begun := time.Now()
	got, err := io.ReadAll(&Slowly{Reader: iotest.OneByteReader(bytes.NewReader(make([]byte, 100))), Context: t.Context(), Chunk: 40, Pause: pause})
	if took := time.Since(begun); err != nil || len(got) != 100 || took < 3*pause || took > 50*pause {
		t.Errorf("%d bytes in %v, %v", len(got), took, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := io.ReadAll(&Slowly{Reader: strings.NewReader("x"), Context: ctx, Chunk: 1, Pause: time.Hour}); err == nil {
		t.Errorf("it has not ended with its context")
	}
}
