package bench

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

//go:embed chart.svg.tmpl
var chartText string

var chartTemplate = template.Must(template.New("chart").Funcs(template.FuncMap{"xml": escape}).Parse(chartText))

// The chart's measures, in pixels.
const (
	chartWidth = 900
	plotX      = 330 // where 0 is
	plotWidth  = 470
	rowHeight  = 20
	headHeight = 44
	topHeight  = 88
)

// chartMost is the ratio at the chart's right edge; bars that are longer are cut there.
const chartMost = 1.6

// chartData is what the template gets.
type chartData struct {
	Width, Height      int
	Left, Right        int
	PlotTop, PlotEnd   int
	One                float64 // where 1 is
	Title, Description string
	Setups             []string
	Ticks              []tick
	Groups             []group
}

type tick struct {
	X     float64
	Label string
}

// group is a level's cases of one unit.
type group struct {
	Y        int
	Top, End int
	Title    string
	Bars     []bar
}

type bar struct {
	Y                        int
	Name, Text, Tip, Class   string
	Width, Low, High, GoalAt float64
	Goal, Cut                bool
}

// x is where a ratio is, from 0.
func x(ratio float64) float64 {
	return min(max(ratio, 0), chartMost) / chartMost * plotWidth
}

// chart draws the ratios of fork to upstream: a bar for each case, with its spread, and a line at 1.
func (r Report) chart() ([]byte, error) {
	d := chartData{Width: chartWidth, Left: plotX, Right: plotX + plotWidth, One: plotX + x(1), Title: "The fork, relative to unmodified upstream"}
	for _, l := range r.Levels {
		s := fmt.Sprintf("%s, GOMAXPROCS=%d, %s, %s; upstream %s, fork at %.12s", l.Setup.CPU, l.Setup.GOMAXPROCS, l.Setup.OS, l.Setup.Go, l.Setup.Tag, l.Setup.Tree)
		if !slices.Contains(d.Setups, s) {
			d.Setups = append(d.Setups, s)
		}
	}
	y := topHeight + 16*len(d.Setups)
	d.PlotTop = y
	var lines []string
	for _, l := range r.Levels {
		for _, unit := range chartUnits(l.Number) {
			g := group{Y: y + headHeight - 14, Top: y + headHeight - 6, Title: heading(l, unit)}
			at := y + headHeight
			base := baseOf(l)
			for _, c := range l.Cases {
				if c.Name == base {
					continue // By itself: 1.
				}
				b, ok := newBar(c, unit, at)
				if !ok {
					continue
				}
				g.Bars = append(g.Bars, b)
				lines = append(lines, b.Tip)
				at += rowHeight
			}
			if len(g.Bars) > 0 {
				g.End = at
				d.Groups = append(d.Groups, g)
				y = at
			}
		}
	}
	d.PlotEnd = y + 8
	d.Height = d.PlotEnd + 34
	for i := range 9 { // Up to chartMost.
		v := float64(i) / 5
		d.Ticks = append(d.Ticks, tick{X: plotX + x(v), Label: fmt.Sprintf("%.1f", v)})
	}
	d.Description = strings.Join(d.Setups, "; ") + ". Ratios, medians: " + strings.Join(lines, "; ") + "."
	var out bytes.Buffer
	if err := chartTemplate.Execute(&out, d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func chartUnits(number int) []string {
	for _, l := range levels {
		if l.number == number {
			return l.chart
		}
	}
	return nil
}

// unitNames are what people call the units.
var unitNames = map[string]string{
	"ns/op": "time", "B/op": "bytes allocated", "allocs/op": "allocations", "req/s": "requests per second",
	"p99-ms": "99th percentile of latency", "cpu-us/req": "CPU time per request", "s-ready": "time to start",
	"MiB-loaded": "memory after load", "MiB-during": "live heap meanwhile",
	"release-ms": "time until all is let go", "events/s": "events per second", "B/watch": "memory of a watch that waits",
}

func heading(l Level, unit string) string {
	name, better := unitNames[unit], "less"
	if name == "" {
		name = unit
	}
	for _, c := range l.Cases {
		if c.Unit == unit {
			better = c.Better
		}
	}
	if base := baseOf(l); base != "" {
		name += ", the fork's over that of " + readable(base)
	}
	return fmt.Sprintf("Level %d: %s: %s (%s is better)", l.Number, l.Title, name, better)
}

// baseOf is the case that growth is measured from, or "".
func baseOf(l Level) string {
	for _, c := range l.Cases {
		if b := c.Peers["fork"].Base; b != "" {
			return b
		}
	}
	return ""
}

func readable(name string) string { return strings.ReplaceAll(name, "/", " ") }

// newBar is the bar of a case: of its growth where that is looked at, of fork/upstream elsewhere. ok is false
// when it has none of that unit.
func newBar(c Case, unit string, y int) (b bar, ok bool) {
	e, what := c.Ratio, forkUpstream
	if growth := c.Peers["fork"].Growth; growth != nil {
		e, what = growth, growthOfFork
	}
	if c.Unit != unit || e == nil {
		return b, false
	}
	b = bar{Y: y, Name: readable(c.Name), Text: fmt.Sprintf("%.2f", e.Median), Class: "worse",
		Width: x(e.Median), Low: plotX + x(e.Low), High: plotX + x(e.High), Cut: e.Median > chartMost}
	b.Tip = fmt.Sprintf("%s, %s, %s: %.3f (%.3f to %.3f, %s)", c.Name, c.Unit, what, e.Median, e.Low, e.High, e.Spread)
	switch {
	case e.Low <= 1 && e.High >= 1:
		b.Class = "same"
	case (e.Median < 1) == (c.Better == "less"):
		b.Class = "better"
	}
	for _, g := range c.Goals {
		if g.What == what && g.Limit <= chartMost {
			b.Goal, b.GoalAt = true, plotX+x(g.Limit)
		}
	}
	return b, true
}

func escape(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
