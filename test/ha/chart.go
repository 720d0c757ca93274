package ha

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
	chartWidth   = 900
	chartTop     = 112
	panelLeft    = 60
	panelWidth   = 370
	panelHeight  = 80
	columnOffset = 440
	rowOffset    = 118

	// headroom is how much higher a panel is than what is drawn in it.
	headroom = 1.1
)

// chartRows are what is drawn of each side; nil is the answers to ordinary clients.
var chartRows = []struct {
	title string
	of    func(ServerSample) float64
}{
	{"connections of each server", func(s ServerSample) float64 { return float64(s.Connections) }},
	{"watches on each server, its own included", func(s ServerSample) float64 { return float64(s.Watches) }},
	{"resident memory of each server, MiB", func(s ServerSample) float64 { return s.MiB }},
	{"answers to ordinary clients in a second", nil},
}

type panel struct {
	X, Y, Width, Height int
	Head, Title, Most   string // Head is that of a column, in its first panel
	LoadFrom, LoadWidth float64
	MostAt              float64
	Lines               []line
	Deaths              []mark
	Ticks               []mark
}

type line struct{ Path, Class string }

type mark struct {
	At           float64
	Y            int
	Label, Class string
}

// Chart is an SVG of what the servers of both sides had over time.
func (r DemoReport) Chart() ([]byte, error) {
	d := struct {
		Width, Height      int
		Title, Description string
		Panels             []panel
	}{Width: chartWidth, Height: chartTop + rowOffset*len(chartRows), Title: "Three kube-apiservers behind a balancer, under the load of defect D1"}
	for i, side := range []Side{r.Unmodified, r.Patched} {
		at := fmt.Sprintf("%s (%s)", side.Name, side.Version)
		d.Description += fmt.Sprintf("%s: %d of %d servers died in %.0f s of load. ", at, len(side.Deaths), servers, side.LoadSeconds())
		for row, what := range chartRows {
			// Both sides have one scale, or they could not be compared.
			most := headroom * max(r.Unmodified.most(what.of), r.Patched.most(what.of), 1)
			p := side.panel(what.of, most)
			p.X, p.Y = panelLeft+i*columnOffset, chartTop+row*rowOffset
			p.Title = what.title
			if row == 0 {
				p.Head = at
			}
			d.Panels = append(d.Panels, p)
		}
	}
	var out bytes.Buffer
	err := chartTemplate.Execute(&out, d)
	return out.Bytes(), err
}

// most is the largest value of all that is drawn.
func (s Side) most(of func(ServerSample) float64) (most float64) {
	if of == nil {
		for _, n := range s.AnsweredEachSecond {
			most = max(most, float64(n))
		}
	}
	for _, sample := range s.Samples {
		for _, server := range sample.Servers {
			if of != nil {
				most = max(most, of(server))
			}
		}
	}
	return most
}

// panel draws one side's lines, up to most.
func (s Side) panel(of func(ServerSample) float64, most float64) panel {
	p := panel{Width: panelWidth, Height: panelHeight, Most: fmt.Sprintf("%.0f", most/headroom)}
	end := s.LoadEnds
	if n := len(s.Samples); n > 0 {
		end = max(end, s.Samples[n-1].At)
	}
	x := func(at float64) float64 { return at / max(end, 1) * panelWidth }
	y := func(value float64) float64 { return panelHeight * (1 - value/most) }
	p.MostAt = y(most / headroom)
	p.LoadFrom, p.LoadWidth = x(s.LoadBegins), x(s.LoadEnds)-x(s.LoadBegins)
	for at := 0.0; at < end; at += chart.TickEvery(end) {
		p.Ticks = append(p.Ticks, mark{At: x(at), Y: panelHeight + 14, Label: fmt.Sprintf("%.0f", at)})
	}
	for _, death := range s.Deaths {
		p.Deaths = append(p.Deaths, mark{At: x(death.At), Y: panelHeight, Class: serverClass(death.Server)})
	}
	if of == nil {
		var path chart.Pen
		for second, n := range s.AnsweredEachSecond {
			if at := float64(second) + 1; at <= end {
				path.To(x(at), y(float64(n)))
			}
		}
		p.Lines = append(p.Lines, line{path.String(), "all"})
		return p
	}
	for i := range servers {
		var path chart.Pen
		for _, sample := range s.Samples {
			if sample.Servers[i].Alive {
				path.To(x(sample.At), y(of(sample.Servers[i])))
			}
		}
		p.Lines = append(p.Lines, line{path.String(), serverClass(i + 1)})
	}
	return p
}

func serverClass(number int) string { return fmt.Sprintf("s%d", number) }
