package main

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"

	"k8s.io/component-base/metrics/legacyregistry"
)

// counts is what the metrics say, or should.
type counts struct {
	requests     map[int]int // by code
	terminations map[int]int // by code
	aborts       int
	postTimeout  int
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
			code := 0
			for _, label := range metric.GetLabel() {
				if label.GetName() == "code" {
					code, _ = strconv.Atoi(label.GetValue())
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
				c.postTimeout += n
			}
		}
	}
	return c, nil
}

// count adds what the metrics should say of a request.
func (c *counts) count(x *exchange, rec record) {
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
	if x.routed.Load() && !panicked || turnedAway {
		c.requests[code]++
	}
	if turnedAway {
		c.terminations[code]++
	}

	// Aborted is what was cut or left, unless the client went when the server
	// had done with it.
	gone := e.reason == "ClientGone" || l.ended == "aborted" || l.ended == "client gone"
	stayed := !x.view.whole && x.view.left == 0
	if !panicked && (gone || stayed) {
		c.aborts++
	}
	// What did not end by its handler counts again when its handler returns.
	if x.started.Load() && (gone || code == http.StatusGatewayTimeout) {
		c.postTimeout++
	}
}

// differences compares what the metrics say with what they should. Their
// numbers are of requests that are counted wrongly.
func (c counts) differences(want counts) map[string][]string {
	found := map[string][]string{}
	differ := func(rule string, got, want int, what string) {
		for range max(got, want) - min(got, want) {
			found[rule] = append(found[rule], fmt.Sprintf("%s is %d, not %d", what, got, want))
		}
	}
	for _, code := range codes(c.requests, want.requests) {
		differ("request_total", c.requests[code], want.requests[code], fmt.Sprintf("code=%d", code))
	}
	for _, code := range codes(c.terminations, want.terminations) {
		differ("terminations", c.terminations[code], want.terminations[code], fmt.Sprintf("code=%d", code))
	}
	differ("aborts", c.aborts, want.aborts, "the total")
	differ("post_timeout", c.postTimeout, want.postTimeout, "the total")
	return found
}

func codes(maps ...map[int]int) (all []int) {
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
