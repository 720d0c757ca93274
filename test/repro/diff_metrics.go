package main

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"k8s.io/component-base/metrics/legacyregistry"
)

// counts is what the metrics say, or should.
type counts struct {
	requests     map[int]int // by code
	terminations map[int]int // by code
	aborts       int
	postTimeout  int

	// So many more there may be of requests without a code, of sub-requests that
	// were over as soon as they began, of requests that were turned away as their
	// client went, of aborts where nothing says how a request ended, and in
	// postTimeout, because nothing tells how far some of them had come.
	mayCount, maySub, mayTurnAway, mayAbort, mayPostTimeout int
}

func newCounts() counts {
	return counts{requests: map[int]int{}, terminations: map[int]int{}}
}

// gatherCounts reads the metrics of this process.
func gatherCounts() (counts, error) {
	c := newCounts()
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		return c, err
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			code, pending := 0, false
			for _, label := range metric.GetLabel() {
				switch label.GetName() {
				case "code":
					code, _ = strconv.Atoi(label.GetValue())
				case "status":
					pending = label.GetValue() == "pending"
				}
			}
			n := int(metric.GetCounter().GetValue())
			switch family.GetName() {
			case "apiserver_request_total":
				c.requests[code] += n
			case "apiserver_request_terminations_total":
				c.terminations[code] += n
			case "apiserver_request_aborts_total":
				c.aborts += n
			case "apiserver_request_post_timeout_total":
				if !pending { // They are counted once more when they return.
					c.postTimeout += n
				}
			}
		}
	}
	return c, nil
}

// count adds what the metrics should say of a request. If it is not strict, the records
// need not say of one whose client went that it ended so.
func (c *counts) count(x *randomRequest, rec ledgerEntry, strict bool) {
	switch sub := int(x.subCode.Load()); sub {
	case 0:
	case http.StatusGatewayTimeout:
		c.maySub++
		c.mayPostTimeout++
	default:
		c.requests[sub]++
	}
	final := rec.final()
	if x.arrived.Load() == 0 || len(final) == 0 || len(rec.lines) == 0 {
		return
	}
	e, l := final[0], rec.lines[0]
	panicked := e.stage == "Panic"

	// The code is the one that the client saw; if it saw none, it is what was
	// recorded, of which the rules say what that may be.
	code := x.view.status
	if code == 0 {
		code = e.code
	}
	// Counted are those that reach the handlers, where they do not panic, and
	// those that are turned away for want of time or of seats.
	turnedAway := code == http.StatusGatewayTimeout || code == http.StatusTooManyRequests
	routed := x.routed.Load() && !panicked && !x.proxied()
	gone := e.reason == "ClientGone" || l.ended == "aborted" || l.ended == "client gone"
	switch {
	case turnedAway && gone:
		c.mayTurnAway++
	case code == http.StatusGatewayTimeout && x.proxied():
		// The backend's other answers are counted by nobody here.
	case turnedAway, routed && (code != 0 || x.inHand()):
		c.requests[code]++
	case routed:
		// Its client may have gone just before it came so far.
		c.mayCount++
	}
	if turnedAway && !gone {
		c.terminations[code]++
	}

	// Aborted is what was cut or left, unless the client went when the server
	// had done with it.
	stayed := !x.view.whole && x.view.left == 0 && !x.lostOnTheWay()
	switch {
	case !panicked && (gone || stayed) || panicked && x.aborts.Load():
		c.aborts++
	case !strict && l.ended == "" && x.view.left > 0 && !x.view.whole:
		c.mayAbort++
	}
	// What did not end by its handler counts again when its handler returns.
	if gone || code == http.StatusGatewayTimeout {
		switch {
		case x.started.Load():
			c.postTimeout++
		case strings.Contains(x.path, bogusTimeout):
			// Its rejection was started, or not.
			c.mayPostTimeout++
		}
	} else if x.started.Load() && x.breaksOff() {
		// It may have panicked when its answer was complete, and over.
		c.mayPostTimeout++
	}
}

// differences compares what the metrics say with what they should, by metric:
// how many requests are counted wrongly, and where.
func (c counts) differences(want counts) map[string]*breaks {
	found := map[string]*breaks{}
	differ := func(rule string, got, want, more int, what string) {
		if want <= got && got <= want+more {
			return
		}
		b := found[rule]
		if b == nil {
			b = &breaks{}
			found[rule] = b
		} else {
			b.example += ", "
		}
		b.n += max(got, want) - min(got, want)
		b.example += fmt.Sprintf("%s %d in place of %d", what, got, want)
	}
	for _, code := range codeCounts(map[int]int{0: 0}, c.requests, want.requests) {
		more := 0
		switch code {
		case 0:
			more = want.mayCount
		case http.StatusGatewayTimeout:
			more = want.maySub
		case http.StatusTooManyRequests:
			more = want.mayTurnAway
		}
		differ("request_total", c.requests[code], want.requests[code], more, fmt.Sprintf("code=%d:", code))
	}
	for _, code := range codeCounts(c.terminations, want.terminations) {
		more := 0
		switch code {
		case http.StatusGatewayTimeout:
			more = want.maySub
		case http.StatusTooManyRequests:
			more = want.mayTurnAway
		}
		differ("terminations", c.terminations[code], want.terminations[code], more, fmt.Sprintf("code=%d:", code))
	}
	differ("aborts", c.aborts, want.aborts, want.mayAbort, "in total")
	differ("post_timeout", c.postTimeout, want.postTimeout, want.mayPostTimeout, "in total")
	return found
}

func codeCounts(maps ...map[int]int) (all []int) {
	seen := map[int]bool{}
	for _, m := range maps {
		for code := range m {
			if !seen[code] {
				seen[code] = true
				all = append(all, code)
			}
		}
	}
	sort.Ints(all)
	return all
}
