//go:build go1.25

/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// waiting has a lot keep so many goroutines, and returns what wakes them.
func waiting(t *testing.T, l *lot, n int) (all []chan *guard) {
	t.Helper()
	for range n {
		next := make(chan *guard, 1)
		if !l.keep(next) {
			t.Fatal("not kept")
		}
		all = append(all, next)
	}
	return all
}

// ended is which of them have been told to end.
func ended(all []chan *guard) (which []bool) {
	for _, next := range all {
		select {
		case g := <-next:
			which = append(which, g == nil)
		default:
			which = append(which, false)
		}
	}
	return which
}

// inLot looks at a lot.
func inLot(l *lot, look func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look()
}

// TestLot: the last to come is the first to go, and those end that nobody has asked for in idleTime.
func TestLot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lot{}
		if l.take() != nil {
			t.Error("taken from nothing")
		}
		all := waiting(t, l, 4)
		after := func(d time.Duration, want ...bool) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			for i, got := range ended(all) {
				if got != want[i] {
					t.Errorf("after %v more, has the goroutine %d been told to end: %v, want %v", d, i, got, want[i])
				}
			}
		}
		after(idleTime-1, false, false, false, false)
		after(2, false, false, false, false) // From here on it is known how many there were.
		if got := l.take(); got != (chan<- *guard)(all[3]) {
			t.Error("taken is not the last to come")
		}
		inLot(l, func() {
			if l.idle[:4][3] != nil {
				t.Error("what was taken is held on to")
			}
		})
		l.keep(all[3])
		after(idleTime-2, false, false, false, false)
		after(2, true, true, true, false)
		inLot(l, func() {
			if len(l.idle) != 1 || l.idle[0] != (chan<- *guard)(all[3]) || l.timer == nil {
				t.Errorf("%d are left, of which one had been asked for", len(l.idle))
			}
		})
		after(idleTime, false, false, false, true)
		inLot(l, func() {
			if len(l.idle) != 0 || l.timer != nil {
				t.Errorf("%d are left, and the timer is %v", len(l.idle), l.timer)
			}
		})
		// It begins anew.
		all = waiting(t, l, 1)
		after(2*idleTime-1, false)
		after(2, true)
	})
}

// TestLotThatIsFull: one more is not kept.
func TestLotThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lot{}
		all := waiting(t, l, idlePerProc)
		if l.keep(make(chan *guard, 1)) || len(l.idle) != idlePerProc {
			t.Errorf("%d are kept", len(l.idle))
		}
		time.Sleep(2*idleTime + 1)
		synctest.Wait()
		for i, ended := range ended(all) {
			if !ended {
				t.Errorf("the goroutine %d has not been told to end", i)
			}
		}
	})
}

// TestNearestLot: there is one for each processor, and then they are handed out in turn.
func TestNearestLot(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	var k kept
	seen := map[*lot]int{}
	var order []*lot
	for range 9 {
		l := k.nearest() // It is not put back, so that the next has another.
		seen[l]++
		order = append(order, l)
	}
	if len(seen) != 3 || seen[order[0]] != 3 || seen[order[1]] != 3 || order[3] == order[4] || order[3] != order[6] {
		t.Errorf("nine were given %d lots: %v", len(seen), order)
	}
}

// TestLotIsPutBack where the next request on this processor finds it.
func TestLotIsPutBack(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	next := make(chan *guard, 1)
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, use := range map[string]func(k *kept){
		"by who starts a handler": func(k *kept) {
			k.lots[0].idle = []chan<- *guard{next}
			k.start(&guard{})
			<-next
		},
		"by a handler's goroutine": func(k *kept) {
			k.lots[0].idle = make([]chan<- *guard, idlePerProc) // So that it ends.
			k.run(newGuard(&Boundary{Answer: timeoutStatus}, handler, httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)))
		},
	} {
		found := false
		for range 100 { // The race detector has sync.Pool forget some of what it is given.
			k := &kept{lots: []*lot{{}}}
			use(k)
			l, _ := k.near.Get().(*lot)
			found = found || l == k.lots[0]
		}
		if !found {
			t.Errorf("%s: it is not found again", name)
		}
	}
}
