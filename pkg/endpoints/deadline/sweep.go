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

import "time"

// sweepInterval is how often the sweeper looks, at least: a write is ended
// within WriteTimeout and one of these, or two where the kernel has to say what
// has been taken.
const sweepInterval = 500 * time.Millisecond

// interval is how often the sweeper looks.
func (l *LongRunning) interval() time.Duration {
	if l.WriteTimeout > 0 {
		return max(min(sweepInterval, l.WriteTimeout/8), time.Millisecond)
	}
	return sweepInterval
}

// ticks is how many ticks are at least as long as d.
func (l *LongRunning) ticks(d time.Duration) int64 {
	n := int64(d / l.interval())
	if d%l.interval() > 0 {
		n++
	}
	return n
}

// add has the sweeper look after a stream, and remove ends that.
func (l *LongRunning) add(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.next = l.streams; s.next != nil {
		s.next.prev = s
	}
	l.streams = s
	if l.timer == nil {
		sweeping.add(l)
		l.tick.Add(1) // So it is never 0 while a stream is served.
		l.timer = time.AfterFunc(l.interval(), l.sweep)
	}
}

func (l *LongRunning) remove(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.prev != nil:
		s.prev.next = s.next
	case l.streams == s:
		l.streams = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.next, s.prev = nil, nil
}

// sweep looks at all streams on which a call has been under way for a tick.
func (l *LongRunning) sweep() {
	now := l.tick.Add(1)
	l.mu.Lock()
	looking := l.looking[:0]
	for s := l.streams; s != nil; s = s.next {
		if busy := s.busy.Load(); busy == struck || busy > 0 && busy < now-1 {
			looking = append(looking, s)
		}
	}
	l.mu.Unlock()
	for _, s := range looking {
		if s.look(now) && l.Stalled != nil {
			go contain("stall", func() { l.Stalled(s.outer, s.outcome()) })
		}
	}
	clear(looking)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looking = looking
	if l.streams == nil {
		sweeping.remove(l)
		l.timer = nil
		return
	}
	l.timer.Reset(l.interval())
}

// look ends the write that is under way if it has made no progress for as long as
// it may, or if its request has been over for slowTimes overTime, and reports
// whether it has.
func (s *stream) look(now int64) (ended bool) {
	s.control.Lock()
	defer s.control.Unlock()
	busy := s.busy.Load()
	switch {
	case s.finished || !s.able || busy == 0 || busy == cut:
		return false
	case busy == struck:
		s.stayed()
		return false
	}
	limit, over := s.limit()
	if over && s.overAt == 0 {
		s.overAt = now
	}
	tooSlow := over && now-s.overAt > s.l.ticks(slowTimes*overTime)
	if s.http1 && !tooSlow && s.progressed(busy, now) {
		return false
	}
	if limit <= 0 || !tooSlow && now-max(busy, s.overAt) <= s.l.ticks(limit) || !s.busy.CompareAndSwap(busy, struck) {
		return false
	}
	if s.idle, s.slow = limit, tooSlow; tooSlow {
		s.idle = slowTimes * overTime
	}
	if s.http1 && s.conn != nil {
		reset(s.conn.Conn)
		return true
	}
	contain("interrupt", func() { _ = s.rc().SetWriteDeadline(longAgo) })
	if s.conn != nil {
		s.stall = s.conn.watchStall()
	}
	return true
}

// progressed notes what the client has acknowledged of an HTTP/1 connection, and
// reports whether that is more than at the last look at this write. If so, the
// time in which the write has made no progress begins anew. The caller holds
// control.
func (s *stream) progressed(busy, now int64) bool {
	if s.conn == nil {
		return false
	}
	acked, _, _, ok := progress(s.conn.Conn)
	if !ok {
		return false
	}
	more := s.looked == busy && acked != s.acked
	s.looked, s.acked = busy, acked
	if more && s.busy.CompareAndSwap(busy, now) {
		s.looked = now
	}
	return more
}

// stayed is called while a write that was ended does not return: the reset of its
// stream waits in line on a connection that takes nothing. The caller holds
// control.
//
// On a machine that is busy it may also take long to send the reset. But if the
// sweeper has looked that often since, this process has had a processor.
func (s *stream) stayed() {
	s.stays++
	if s.stall != nil && s.stall.passed(time.Now()) && s.stays > s.l.ticks(answerTime) {
		s.conn.closeStalled(s.stall, s.outer.RemoteAddr, s.userAgent)
	}
}

// limit is how long a write may make no progress, or zero for as long as it
// likes, and whether the request is over by itself, as EndWrites was told. The
// caller holds control.
func (s *stream) limit() (limit time.Duration, over bool) {
	select {
	case <-s.shutdown:
		over = true
	default:
		over = passed(s.endsAt)
	}
	limit = max(s.l.WriteTimeout, 0)
	if over && (limit == 0 || overTime < limit) {
		limit = overTime
	}
	return limit, over
}
