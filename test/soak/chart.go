package soak

import (
	"bytes"
	_ "embed"
	"fmt"

	"fork.internal/apiserver/test/chart"
)

//go:embed chart.svg.tmpl
var chartText string

var chartTemplate = chart.Parse(chartText)

// The chart's measures, in pixels.
const (
	chartWidth   = 960
	chartTop     = 96
	panelLeft    = 64
	panelWidth   = 400
	panelHeight  = 90
	columnOffset = 470
	rowOffset    = 132
	keyHeight    = 20

	// headroom is how much higher a panel is than what is drawn in it.
	headroom = 1.1

	// keyColumns is in how many columns the phases are named.
	keyColumns = 4
)

// chartRows are what is drawn of each side.
var chartRows = []struct {
	title string
	of    func(Sample) float64
}{
	{"goroutines", func(s Sample) float64 { return s.Goroutines }},
	{"heap, MiB", func(s Sample) float64 { return s.HeapMiB }},
	{"seats of requests under way", func(s Sample) float64 { return s.Seats }},
	{"open descriptors", func(s Sample) float64 { return s.Descriptors }},
}

type panel struct {
	X, Y, Width, Height int
	Head, Title, Most   string // Head is that of a column, in its first panel
	MostAt              float64
	Path                string
	Bands               []band
	Death               float64 // 0 is none
	Ticks               []mark
}

type band struct {
	From, Width float64
	Shaded      bool
	Number      int
}

type mark struct {
	At    float64
	Y     int
	Label string
}

type keyed struct {
	X, Y  int
	Label string
}

// Chart is an SVG of what the servers had over time.
func (r Report) Chart() ([]byte, error) {
	key := chartTop + rowOffset*len(chartRows)
	d := struct {
		Width, Height      int
		Title, Description string
		Panels             []panel
		Key                []keyed
	}{Width: chartWidth, Title: "kube-apiservers with hostile clients, phase by phase"}
	var last float64
	for _, s := range r.Sides {
		last = max(last, s.end())
	}
	for i, side := range r.Sides {
		head := fmt.Sprintf("%s (%s)", side.Name, side.Version)
		d.Description += head + ": "
		if side.Died != nil {
			d.Description += fmt.Sprintf("died in second %.0f. ", side.Died.At)
		} else {
			d.Description += fmt.Sprintf("alive after %.0f s. ", side.end())
		}
		for row, what := range chartRows {
			// All have one scale, or they could not be compared.
			most := 1.0
			for _, s := range r.Sides {
				for _, sample := range s.Samples {
					most = max(most, what.of(sample))
				}
			}
			p := side.panel(what.of, most*headroom, last)
			p.X, p.Y, p.Title = panelLeft+i*columnOffset, chartTop+row*rowOffset, what.title
			if row == 0 {
				p.Head = head
			}
			d.Panels = append(d.Panels, p)
		}
	}
	for i, p := range phases {
		d.Key = append(d.Key, keyed{panelLeft + i%keyColumns*(chartWidth-panelLeft)/keyColumns, key + i/keyColumns*keyHeight, fmt.Sprintf("%d  %s", i+1, p.name)})
	}
	d.Height = key + (len(phases)+keyColumns-1)/keyColumns*keyHeight
	var out bytes.Buffer
	err := chartTemplate.Execute(&out, d)
	return out.Bytes(), err
}

// end is when the last that is known of it was.
func (s Side) end() (end float64) {
	if n := len(s.Samples); n > 0 {
		end = s.Samples[n-1].At
	}
	return end
}

// panel draws a line, up to most and to the second last.
func (s Side) panel(of func(Sample) float64, most, last float64) panel {
	p := panel{Width: panelWidth, Height: panelHeight, Most: fmt.Sprintf("%.0f", most/headroom), MostAt: panelHeight * (1 - 1/headroom)}
	x := func(at float64) float64 { return at / max(last, 1) * panelWidth }
	var path chart.Pen
	for _, sample := range s.Samples {
		path.To(x(sample.At), panelHeight*(1-of(sample)/most))
	}
	p.Path = path.String()
	for i, ph := range s.Phases {
		if ph.Name != theEnd {
			p.Bands = append(p.Bands, band{x(ph.From), x(ph.Seconds), i%2 == 0, i + 1})
		}
	}
	for at := 0.0; at < last; at += chart.TickEvery(last) {
		p.Ticks = append(p.Ticks, mark{x(at), panelHeight + 14, fmt.Sprintf("%.0f", at)})
	}
	if s.Died != nil {
		p.Death = x(s.Died.At)
	}
	return p
}
