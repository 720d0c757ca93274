package diagnose

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"regexp"

	"fork.internal/apiserver/test/crashlog"
)

// maxLine is how many bytes are looked at of a line: klog writes objects and stacks, audit events hold requests.
const maxLine = 1 << 20

// newLines reads r, unpacked if it is gzip's.
func newLines(r io.Reader) (*crashlog.Lines, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReaderSize(z, 64<<10)
	}
	return &crashlog.Lines{Reader: b, Most: maxLine}, nil
}

// unwrapper takes off what a container engine puts around lines. It is for one goroutine.
type unwrapper struct {
	parts map[byte][]byte // of a line that came in several, by the first letter of its stream
}

// prefix is what journalctl and kubectl logs --prefix put before a line.
var prefix = regexp.MustCompile(`^(?:[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \S+ \S+\[\d+\]: |\[pod/\S+\] )`)

// unwrap is what was written of a line of a file: the line itself, or what stands behind containerd's or CRI-O's
// prefix, journald's, those of kubectl logs --timestamps and --prefix, or in docker's JSON. It is not ok if the rest is
// in a later line.
func (u *unwrapper) unwrap(line []byte) (_ []byte, ok bool) {
	if bytes.HasPrefix(line, []byte(`{"log":"`)) {
		var docker struct{ Log, Stream string }
		if json.Unmarshal(line, &docker) != nil {
			return line, true
		}
		whole := len(docker.Log) > 0 && docker.Log[len(docker.Log)-1] == '\n'
		return u.join(docker.Stream, bytes.TrimRight([]byte(docker.Log), "\r\n"), whole)
	}
	if !isTimestamp(line) {
		return line[len(prefix.Find(line)):], true
	}
	_, rest, _ := bytes.Cut(line, []byte(" "))
	for _, stream := range []string{"stdout", "stderr"} {
		after, found := bytes.CutPrefix(rest, []byte(stream+" "))
		if !found || len(after) == 0 || after[0] != 'F' && after[0] != 'P' || len(after) > 1 && after[1] != ' ' {
			continue
		}
		return u.join(stream, after[min(2, len(after)):], after[0] == 'F')
	}
	return rest, true
}

// join has what a line is when its last part comes.
func (u *unwrapper) join(stream string, part []byte, last bool) ([]byte, bool) {
	key := byte('?')
	if len(stream) > 3 {
		key = stream[3]
	}
	before, some := u.parts[key]
	if !some && last {
		return part, true
	}
	if room := maxLine - len(before); room > 0 {
		before = append(before, part[:min(room, len(part))]...)
	}
	if last {
		delete(u.parts, key)
		return before, true
	}
	if u.parts == nil {
		u.parts = map[byte][]byte{}
	}
	u.parts[key] = before
	return nil, false
}

// isTimestamp says whether a line begins with one as container engines write it, and a blank.
func isTimestamp(line []byte) bool {
	const shape = "0000-00-00T00:00:00"
	if len(line) < len(shape)+2 {
		return false
	}
	for i := range len(shape) {
		if c := line[i]; shape[i] == '0' && (c < '0' || c > '9') || shape[i] != '0' && c != shape[i] {
			return false
		}
	}
	blank := bytes.IndexByte(line, ' ')
	return blank >= len(shape) && blank <= len("2006-01-02T15:04:05.999999999+00:00")
}
