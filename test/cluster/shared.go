package cluster

import (
	"io"
	"sync"
)

// Shared is w for several goroutines, each of whose writes is whole. It discards what is written if w is nil.
func Shared(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return &shared{w: w}
}

type shared struct {
	mu sync.Mutex
	// Guarded by mu.
	w io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
