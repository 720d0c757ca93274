package chart

import "testing"

// TestPen: what is level has two points, and what rises after it begins at the second.
func TestPen(t *testing.T) {
	var p Pen
	for x, y := range []float64{5, 5, 5, 9, 9} {
		p.To(float64(x), y)
	}
	if got, want := p.String(), "M0.0 5.0 L2.0 5.0 L3.0 9.0 L4.0 9.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTicksAreFew(t *testing.T) {
	for _, end := range []float64{1, 60, 600, 2000, 3600} {
		if n := end / TickEvery(end); n > 8 {
			t.Errorf("%v ticks in %v s", n, end)
		}
	}
}
