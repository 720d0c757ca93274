package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	maxWho     = 1000 // different ones that are counted
	maxSamples = 3
)

// tally counts one sort of thing, with samples. The zero value is ready.
type tally struct {
	n, unsure   int       // unsure of them rest on what --request-timeout is taken to be
	first, last time.Time // if dated; klog's text is of the year 0, which is before the zero time
	dated       bool
	longest     time.Duration
	samples     []string
	who         map[string]int
	perMinute   map[int64]int
}

// add counts one. An empty sample or who is none.
func (t *tally) add(at time.Time, sample, who string) {
	t.n++
	if !at.IsZero() {
		if !t.dated || at.Before(t.first) {
			t.first = at
		}
		if !t.dated || at.After(t.last) {
			t.last = at
		}
		t.dated = true
		if t.perMinute == nil {
			t.perMinute = map[int64]int{}
		}
		if minute := at.Unix() / 60; len(t.perMinute) < 100_000 || t.perMinute[minute] > 0 {
			t.perMinute[minute]++
		}
	}
	if sample != "" && len(t.samples) < maxSamples {
		t.samples = append(t.samples, sample)
	}
	if who == "" {
		return
	}
	if t.who == nil {
		t.who = map[string]int{}
	}
	if len(t.who) < maxWho || t.who[who] > 0 {
		t.who[who]++
	}
}

// took notes how long one took.
func (t *tally) took(d time.Duration) { t.longest = max(t.longest, d) }

// worst is the most in one minute.
func (t *tally) worst() (n int) {
	for _, m := range t.perMinute {
		n = max(n, m)
	}
	return n
}

// Who is somebody with a number of requests.
type Who struct {
	// Request is a verb and a path, the user if it is known, and the user agent.
	Request string `json:"request"`
	Count   int    `json:"count"`
}

// top are those who are counted most.
func (t *tally) top(most int) []Who {
	var all []Who
	for who, n := range t.who {
		all = append(all, Who{who, n})
	}
	slices.SortFunc(all, func(a, b Who) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Request, b.Request))
	})
	return all[:min(most, len(all))]
}

// when renders a time; klog's text has no year.
func when(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Year() == 0:
		return t.Format("01-02 15:04:05.000")
	}
	return t.UTC().Format("2006-01-02 15:04:05.000Z")
}

// span renders from when to when.
func (t *tally) span() string {
	if !t.dated {
		return ""
	}
	s := "at " + when(t.first)
	if d := t.last.Sub(t.first); d >= time.Millisecond {
		s = fmt.Sprintf("%s to %s (%v)", when(t.first), when(t.last), d.Round(time.Millisecond))
	}
	return s
}
