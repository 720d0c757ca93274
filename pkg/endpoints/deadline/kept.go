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
	"context"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// idleTime is how long a handler goroutine is kept that is not needed. A
	// stack that is to be grown again costs microseconds, so there is no point
	// in keeping it for long.
	idleTime = time.Second

	// idlePerProc bounds how many are kept for each processor. Most of the
	// requests that are under way wait (for etcd, for a webhook); this is for
	// those that come and go at one time.
	idlePerProc = 16
)

// kept is the handler goroutines of a boundary that wait for a next request.
// Handlers need deep stacks, which a new goroutine has to grow, by copying, as
// it gets there; one that has served a request has grown its own. What a
// handler does to its goroutine for good, such as runtime.LockOSThread, it has
// to undo, as on net/http's, which serves the connection's next request too.
//
// They are kept in lots, one for each processor, so that a request and its
// handler stay on one.
type kept struct {
	// near has the lot that was last used on this processor, mostly.
	near sync.Pool

	mu sync.Mutex
	// Guarded by mu.
	lots []*lot
	next int // the lot handed out last, of as many as there may be
}

// lot is handler goroutines that are idle. A goroutine is here when its handler
// has returned and it has no more to say about that request, to which it refers
// no more. One whose handler does not return, or exits the goroutine, never comes
// here. The last one to come is the first to go; those that nobody has asked for
// in idleTime end.
type lot struct {
	mu sync.Mutex
	// Guarded by mu.
	idle  []chan<- *guard
	least int         // the fewest that were idle since timer was set
	timer *time.Timer // nil when none is idle
}

// start has the guard's handler run on a handler goroutine. It is the one
// place that chooses which.
func (k *kept) start(g *guard) {
	l := k.nearest()
	next := l.take()
	k.near.Put(l)
	if next == nil {
		go k.run(g)
		return
	}
	next <- g // It has one place, and waits for nobody.
}

// run is a handler goroutine.
func (k *kept) run(g *guard) {
	next := make(chan *guard, 1)
	id := goroutineID()
	for g != nil {
		g.goroutine.Store(id)
		// The labels of its profiles are the request's, as are those of a
		// goroutine that the serve goroutine would start.
		pprof.SetGoroutineLabels(g.ctx)
		g.run()
		pprof.SetGoroutineLabels(context.Background())
		l := k.nearest()
		kept := l.keep(next)
		k.near.Put(l)
		if !kept {
			return
		}
		g = <-next
	}
}

// goroutineID returns the number by which a dump of all goroutines names the
// calling one, for people to find it there, or 0. It is nothing to decide by.
func goroutineID() uint64 {
	buf := make([]byte, 64)
	fields := strings.Fields(string(buf[:runtime.Stack(buf, false)]))
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.ParseUint(fields[1], 10, 64) // 0 if it is none.
	return id
}

// nearest returns the lot of this processor, to be put back when it has been used.
func (k *kept) nearest() *lot {
	if l, ok := k.near.Get().(*lot); ok {
		return l
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := runtime.GOMAXPROCS(0); len(k.lots) < n {
		l := &lot{}
		k.lots = append(k.lots, l)
		return l
	}
	k.next = (k.next + 1) % len(k.lots)
	return k.lots[k.next]
}

// take returns what wakes an idle goroutine with its next guard, or nil.
func (l *lot) take() chan<- *guard {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.idle) - 1
	if n < 0 {
		return nil
	}
	next := l.idle[n]
	l.idle[n] = nil
	l.idle = l.idle[:n]
	l.least = min(l.least, n)
	return next
}

// keep adds the caller to the idle goroutines; the caller then waits for what is
// sent to next: another guard, or nil at the end. It reports false if there are
// enough.
func (l *lot) keep(next chan<- *guard) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle) >= idlePerProc {
		return false
	}
	l.idle = append(l.idle, next)
	if l.timer == nil {
		l.least = 0
		l.timer = time.AfterFunc(idleTime, l.drain)
	}
	return true
}

// drain ends those that nobody has asked for since timer was set.
func (l *lot) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, next := range l.idle[:l.least] {
		next <- nil
	}
	l.idle = slices.Delete(l.idle, 0, l.least)
	if l.least = len(l.idle); l.least == 0 {
		l.timer = nil
		return
	}
	l.timer.Reset(idleTime)
}
