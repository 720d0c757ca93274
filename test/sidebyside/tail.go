package sidebyside

import (
	"bytes"
	"io"
	"os"
)

// tail reads what is added to a file, in whole lines. It is used by one goroutine. A file that is not there yet is empty.
type tail struct {
	path   string
	offset int64
	rest   []byte
}

// lines are those that have been completed since the last call.
func (t *tail) lines() ([][]byte, error) {
	f, err := os.Open(t.path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	t.offset += int64(len(data))
	t.rest = append(t.rest, data...)
	var lines [][]byte
	for {
		line, rest, found := bytes.Cut(t.rest, []byte("\n"))
		if !found {
			t.rest = bytes.Clone(t.rest)
			return lines, nil
		}
		lines, t.rest = append(lines, line), rest
	}
}
