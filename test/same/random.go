package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// randomName is how random scenarios are called, after their seed and number.
const randomName = "random-%d-%d"

// dice are the decisions of one random scenario.
type dice struct{ *rand.Rand }

// randomScenario makes the ith scenario of a seed, over one protocol.
func randomScenario(seed uint64, i int) *scenario {
	d := dice{rand.New(rand.NewPCG(seed, uint64(i)))}
	s := &scenario{Name: fmt.Sprintf(randomName, seed, i)}
	s.Protos = []string{pick(d, http11, http11, http11, http2x, http2x, http10)}
	s.Server = d.setup()
	d.request(s)
	d.handler(s)
	d.client(s)
	return s
}

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// chance is true so many times of a hundred.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// size is a number of bytes: next to one of those at which something changes, or any.
func (d dice) size(most int) int {
	n := d.IntN(most + 1)
	if d.chance(70) {
		n = pick(d, 0, 1, 2048, 4096, 8192, 32768, 65536, 262144) + d.IntN(3) - 1
	}
	return max(0, min(n, most))
}

// setup chooses what surrounds the handler.
func (d dice) setup() setup {
	var s setup
	switch {
	case d.chance(50):
	case d.chance(50):
		s.Build = "own"
		s.Middle = pick(d, "", "compresses", "finds", "appends", "buffers", "recovers", "recovers500", "lingers", "reads", "bare")
	default:
		s.Build = pick(d, "alone", "nested")
	}
	if d.chance(30) {
		s.Outer = pick(d, "unwraps", "bare", "flushes", "duplexer", "deadliner", "flusherror", "all", "pretends", "fails",
			"recovers", "recovers500", "lingers", "reads", "compresses", "finds", "appends", "buffers")
	}
	if s.Build == "" && d.chance(15) {
		s.Sink = pick(d, "slow", "slow", "blocked")
	}
	s.Survives = s == setup{} && d.chance(10)
	return s
}

// request chooses the method and the body.
func (d dice) request(s *scenario) {
	proto := s.Protos[0]
	s.Method = pick(d, "GET", "GET", "HEAD", "POST", "POST", "POST", "PUT", "DELETE")
	if s.Method == "HEAD" && proto == http2x {
		// net/http ends the stream with the header, and the context with it:
		// what a handler sees that goes on is a race.
		s.Method = "GET"
	}
	if s.Method != "POST" && s.Method != "PUT" {
		return
	}
	b := &s.Body
	b.Size = d.size(700000)
	if proto == http10 {
		// net/http waits for no body, and resets a connection on which one is unread.
		b.Size = min(b.Size, 2000)
	}
	b.Chunked = proto != http10 && d.chance(30)
	// Of a body in two parts, each part has something in it.
	if b.Size >= 400 {
		b.How = pick(d, atOnce, atOnce, atOnce, halves, halves, slowly, streamed, afterAnswer, never, tooMuch, tooLittle)
	}
	switch b.How {
	case halves:
		if b.Until = "half"; d.chance(15) {
			b.Until, b.Gap = "", late
		}
	case never:
		s.Client.Gives = late * 2
	case tooMuch:
		if proto == http2x {
			b.How = slowly // It would be a race between the answer and the error.
		}
	case atOnce:
		b.Expect = b.Size > 0 && proto != http10 && d.chance(15)
	}
	if b.Chunked && proto == http11 && b.How != never && b.How != tooLittle && d.chance(20) {
		b.Trailer = []string{"X-Sum: 1"}
	}
}

// handler chooses the steps: some before the answer, the answer in parts, and an end.
func (d dice) handler(s *scenario) {
	var steps []string
	maybe := func(percent int, step string, args ...any) {
		if d.chance(percent) {
			steps = append(steps, fmt.Sprintf(step, args...))
		}
	}
	reads := func() {
		if s.hasBody() {
			maybe(40, "%s", pick(d, "readall", "readall", "readall", fmt.Sprintf("read %d", s.Body.Size/2), "close"))
		}
	}
	maybe(30, "header X-One 1")
	maybe(5, "delete Cache-Control")
	maybe(5, "warning careful")
	maybe(5, "header Connection close")
	maybe(5, "header Trailer X-Sum")
	if s.hasBody() {
		maybe(5, "duplex")
	}
	reads()
	maybe(8, "status %d", pick(d, 103, 102, 100))
	sizes := []int{}
	for range d.IntN(4) {
		sizes = append(sizes, d.size(400000))
	}
	if d.chance(20) {
		all := 0
		for _, n := range sizes {
			all += n
		}
		steps = append(steps, fmt.Sprintf("header Content-Length %d", all))
	}
	maybe(60, "status %d", pick(d, 200, 200, 201, 403, 404, 409, 500, 204, 304, 302))
	maybe(10, "flush")
	for _, n := range sizes {
		steps = append(steps, fmt.Sprintf("write %d", n))
		maybe(15, "flush")
		reads()
	}
	maybe(5, "status 404")
	maybe(5, "header X-Sum 1")
	maybe(5, "header Trailer:X-Late 1")
	maybe(5, "context")
	if d.chance(12) {
		steps = append(steps, pick(d, "panic", "panic", "abort", "goexit"))
	}
	if s.Body.Until != "" {
		// Before any read that would wait for it.
		at := slices.IndexFunc(steps, func(step string) bool { return strings.HasPrefix(step, "readall") || step == "close" })
		if at < 0 {
			at = len(steps)
		}
		steps = slices.Insert(steps, d.IntN(at+1), "tell half")
	}
	s.Handler = steps
}

// client chooses how the client behaves.
func (d dice) client(s *scenario) {
	if s.Protos[0] != http10 && (s.Body.How == atOnce || s.Body.How == halves && s.Body.Until != "") && !s.Body.Expect {
		s.Client.Pipelined = d.chance(15)
	}
}
