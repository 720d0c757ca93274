package main

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// within reports whether ch was closed, or had something, before d was over.
func within[T any](d time.Duration, ch <-chan T) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ch:
		return true
	case <-timer.C:
		return false
	}
}

// eventually asks again and again, for d at most, what no event tells of.
func eventually(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(10 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// beyond says that something has taken longer than what is much already, or returns "".
func beyond(much time.Duration, took ...time.Duration) string {
	if longest := slices.Max(took); longest > much {
		return fmt.Sprintf("that it takes no more than %v (%v)", much, longest.Round(time.Millisecond))
	}
	return ""
}

// goroutinesIn counts the goroutines of this process that are in function.
func goroutinesIn(function string) int {
	return bytes.Count(stacks(), []byte("\n"+function+"("))
}

// stacks are those of all goroutines, however many there are.
func stacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		all := make([]byte, size)
		if n := runtime.Stack(all, true); n < size {
			return all[:n]
		}
	}
}
