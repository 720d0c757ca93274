package main

import (
	"bytes"
	"runtime"
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

// goroutinesIn counts the goroutines of this process that are in function.
func goroutinesIn(function string) int {
	stacks := make([]byte, 1<<20)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) {
			return bytes.Count(stacks[:n], []byte("\n"+function+"("))
		}
		stacks = make([]byte, 2*len(stacks))
	}
}
