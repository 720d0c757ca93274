package main

import (
	"strings"
	"testing"
	"time"
)

func TestLateIsLackedThoughAllAreAnswered(t *testing.T) {
	if got := beyond(time.Second, 100*time.Millisecond, 900*time.Millisecond); got != "" {
		t.Errorf("got %q", got)
	}
	if got := beyond(time.Second, 100*time.Millisecond, 1100*time.Millisecond); !strings.Contains(got, "1.1s") {
		t.Errorf("got %q", got)
	}
	soon, late := make([]time.Duration, 100), make([]time.Duration, 100)
	for i := range soon {
		soon[i], late[i] = time.Millisecond, time.Millisecond
	}
	soon[0] = 4 * time.Second // One of a hundred may be the machine's.
	for _, i := range []int{3, 7} {
		late[i] = 2 * time.Second
	}
	half := append([]time.Duration{}, soon[:40]...)
	for range 60 {
		half = append(half, 60*time.Millisecond)
	}
	for name, tt := range map[string]struct {
		took []time.Duration
		late bool
	}{"soon": {soon[1:], false}, "two of a hundred": {late, true}, "most by a little": {half, true}, "none was timed": {nil, false}} {
		if got := (&answersCrowd{took: tt.took}).late(); got != "" != tt.late {
			t.Errorf("%s: %q", name, got)
		}
	}
}
