package integration

import (
	"maps"
	"strings"
	"testing"

	"fork.internal/apiserver/test/traffic"
)

// TestWhatMustFail: an unmodified server that stands what it is known not to shows nothing, whatever else is wrong with it.
func TestWhatMustFail(t *testing.T) {
	var r Report
	for _, p := range phases {
		r.Phases = append(r.Phases, Phase{Name: p.name})
	}
	r.Phases = append(r.Phases, Phase{Name: theRecords, WrongCount: 1})
	r.Phases[1].WrongCount = 2
	if got := r.Stood(); len(got) != 1 || got[0] != "stalled bodies" {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsHeld(t *testing.T) {
	const metrics = "# HELP go_goroutines x\ngo_goroutines 10\n" + traffic.Seats + `{a="b",c="d e"} 2` + "\n" + traffic.Seats + `{a="c"} 1` + "\nother 7\n"
	now, err := traffic.Sums([]byte(metrics), traffic.AtRest(false)...)
	if want := map[string]float64{traffic.Seats: 3, traffic.Goroutines: 10}; err != nil || !maps.Equal(now, want) {
		t.Errorf("got %v, %v, want %v", now, err, want)
	}
	if _, err := traffic.Sums([]byte(metrics), traffic.AtRest(true)...); err == nil || !strings.Contains(err.Error(), "no metric "+traffic.Overdue) {
		t.Errorf("a metric that is gone: %v", err)
	}
	if got := held(now, map[string]float64{traffic.Seats: 2}); len(got) != 0 {
		t.Errorf("one more seat is the scrape's, and got %q", got)
	}
	now[traffic.Overdue], now[traffic.Goroutines] = 1, spare+1
	if got := held(now, map[string]float64{}); len(got) != 3 {
		t.Errorf("got %q, want seats, a handler and goroutines", got)
	}
}
