// Package lines takes a program's output apart as it comes.
package lines

import "bytes"

// Splitter takes output in pieces and hands it on in lines. Its zero value has had none. It is for one goroutine at a time.
type Splitter struct {
	partial []byte
}

// Feed takes the next piece, and calls line with each line that has come to its end by that, without what ends it; line
// must not keep the slice.
func (s *Splitter) Feed(data []byte, line func([]byte)) {
	s.partial = append(s.partial, data...)
	for {
		l, after, ok := bytes.Cut(s.partial, []byte("\n"))
		if !ok {
			return
		}
		line(l)
		s.partial = after
	}
}

// Rest is the beginning of a line that has not ended.
func (s *Splitter) Rest() string { return string(s.partial) }
