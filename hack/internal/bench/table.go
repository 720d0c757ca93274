package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// peerOrder is the order of columns; what is not here comes last.
var peerOrder = []string{"upstream", "fork", "arming", "timeouthandler", "least", "none"}

// WriteTable writes a level for people.
func (l Level) WriteTable(w io.Writer) error {
	peers, growth, over := l.columns()
	fmt.Fprintf(w, "Level %d: %s\n%s\n", l.Number, l.Title, l.Setup)
	fmt.Fprint(w, "Medians; ratio is fork/upstream, median of the rounds' ratios with its spread.\n")
	if over {
		fmt.Fprint(w, "All but none's are what a peer costs over none, the direct call.\n")
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	header := append([]string{"case", "unit"}, peers...)
	if growth {
		header = append(header, "growth")
	}
	fmt.Fprintln(tw, strings.Join(append(header, "ratio", "spread", "goal"), "\t"))
	for _, c := range l.Cases {
		row := []string{c.Name, c.Unit}
		for _, name := range peers {
			p, ok := c.Peers[name]
			if !ok {
				row = append(row, "-")
				continue
			}
			row = append(row, number(p.Median))
		}
		if growth {
			row = append(row, number3(c.Peers["fork"].Growth))
		}
		row = append(row, number3(c.Ratio), spread(c), goals(c))
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	return tw.Flush()
}

func (l Level) columns() (peers []string, growth, over bool) {
	for _, c := range l.Cases {
		for name, p := range c.Peers {
			if !slices.Contains(peers, name) {
				peers = append(peers, name)
			}
			growth = growth || p.Growth != nil
		}
		over = over || c.Over != ""
	}
	place := func(name string) int {
		if i := slices.Index(peerOrder, name); i >= 0 {
			return i
		}
		return len(peerOrder)
	}
	slices.SortFunc(peers, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return peers, growth, over
}

// number has three digits that matter, and no exponent.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func number3(e *Estimate) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", e.Median)
}

func spread(c Case) string {
	if c.Ratio == nil {
		return "-"
	}
	s := fmt.Sprintf("%.3f to %.3f (%s)", c.Ratio.Low, c.Ratio.High, c.Ratio.Spread)
	if left := len(c.Peers["fork"].Samples) - c.Ratio.Rounds; left > 0 {
		s += fmt.Sprintf(", %d rounds without", left)
	}
	return s
}

func goals(c Case) string {
	var all []string
	for _, g := range c.Goals {
		all = append(all, g.String())
	}
	return strings.Join(all, "; ")
}
