package same

import (
	"reflect"
	"strings"
	"testing"
)

func TestAgain(t *testing.T) {
	r := run{report: Report{
		Differences: []Difference{{Scenario: "a", Proto: "HTTP/2", Field: "status"}, {Scenario: "a", Proto: "HTTP/2", Field: "body"}, {Scenario: "a", Proto: "HTTP/1.1", Field: "body"}},
		Stale:       []Stale{{Row: "D1", Scenario: "b", Proto: "HTTP/2"}},
		Failed:      []Failure{{Scenario: "c", Proto: "HTTP/2", Side: "fork", Why: "no connection"}, {Why: "a race"}},
	}}
	if got, want := r.again(), []string{"a@HTTP/2", "a@HTTP/1.1", "b@HTTP/2", "c@HTTP/2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range 10 * mostAgain {
		r.report.Stale = append(r.report.Stale, Stale{Scenario: strings.Repeat("c", len(r.report.Stale))})
	}
	if got := len(r.again()); got != mostAgain {
		t.Errorf("%d cases again", got)
	}
}

func TestSaid(t *testing.T) {
	for in, want := range map[string]string{
		"http2: panic serving\n":                           "http2: panic serving\n",
		"noise\nfatal error: concurrent map writes\nstack": "fatal error: concurrent map writes\nstack",
		"noise\nWARNING: DATA RACE\nstack":                 "WARNING: DATA RACE\nstack",
	} {
		if got := said(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if got := said(strings.Repeat("x", 100000)); len(got) > 10000 {
		t.Errorf("%d bytes", len(got))
	}
}
