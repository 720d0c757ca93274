package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeLog(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindCrash(t *testing.T) {
	frame := func(i int) string { return fmt.Sprintf("p.f%d(0x1)\n\t/dir/f.go:%d +0x1\n", i, i) }
	deep := "fatal error: x\n\ngoroutine 1 [running]:\n"
	var deepWant []string
	for i := range crashFrames + 3 {
		deep += frame(i)
		if i < crashFrames {
			deepWant = append(deepWant, fmt.Sprintf("p.f%d (f.go:%d)", i, i))
		}
	}
	for _, test := range []struct {
		name, log, line string
		frames          []string
	}{
		{"empty", "", "", nil},
		{"none", "I1123 fatal error: not at the beginning\nE1123 panic: likewise\n", "", nil},
		{"no goroutine", "x\nfatal error: concurrent map writes\n", "fatal error: concurrent map writes", nil},
		{"frames", "x\nfatal error: concurrent map writes\n\ngoroutine 7 [running]:\nnet/http.Header.Add(...)\n\t/d/header.go:31\n" +
			"p.(*T).M(0xc0, {0x1, 0x2})\n\t/d/e/t.go:5 +0x1\ncreated by p.run in goroutine 3\n\t/d/r.go:9 +0x2\n\ngoroutine 8 [select]:\n" + frame(1),
			"fatal error: concurrent map writes",
			[]string{"net/http.Header.Add (header.go:31)", "p.(*T).M (t.go:5)", "created by p.run in goroutine 3 (r.go:9)"}},
		{"two goroutines without a gap", "panic: y\n\ngoroutine 7 [running]:\n" + frame(1) + "goroutine 8 [running]:\n" + frame(2),
			"panic: y", []string{"p.f1 (f.go:1)"}},
		{"cut off", "fatal error: x\n\ngoroutine 7 [running]:\np.f(0x", "fatal error: x", []string{"p.f"}},
		{"deep", deep, "fatal error: x", deepWant},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := findCrash(writeLog(t, test.log))
			if got.Line != test.line || !slices.Equal(got.Frames, test.frames) {
				t.Errorf("got %q, %q\nwant %q, %q", got.Line, got.Frames, test.line, test.frames)
			}
		})
	}
	if got := findCrash(filepath.Join(t.TempDir(), "missing")); got.Line != "" {
		t.Errorf("missing file: %v", got)
	}
}

func TestLogTail(t *testing.T) {
	long := strings.Repeat("x", 3*tailBytes)
	for _, test := range []struct{ name, log, want string }{
		{"empty", "", "  (the log is empty)"},
		{"short", "a\n\nb", "  a\n  b"},
		{"last two", "a\nb\nc\n", "  b\n  c"},
		{"long line", "a\n" + long + "\nb\n", "  " + long[:tailWidth] + "\n  b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := logTail(writeLog(t, test.log), 2); got != test.want {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}
