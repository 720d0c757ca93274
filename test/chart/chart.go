// Package chart has what charts of what servers did over time are drawn with, as SVG.
package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"text/template"
)

// Parse is the template of a chart, in which xml is Escape.
func Parse(text string) *template.Template {
	return template.Must(template.New("chart").Funcs(template.FuncMap{"xml": Escape}).Parse(text))
}

// TickEvery is how many seconds are between two ticks.
func TickEvery(end float64) float64 {
	for _, every := range []float64{5, 10, 20, 30, 60, 120, 300} {
		if end/every <= 8 {
			return every
		}
	}
	return 600
}

// Pen draws a line, without the points that only repeat the one before and the one after.
type Pen struct {
	strings.Builder
	lastX, lastY float64
	skipped      bool
}

// To draws to a point.
func (p *Pen) To(x, y float64) {
	switch {
	case p.Len() == 0:
		fmt.Fprintf(p, "M%.1f %.1f", x, y)
	case y == p.lastY:
		p.skipped = true
		p.lastX = x
		return
	default:
		if p.skipped {
			fmt.Fprintf(p, " L%.1f %.1f", p.lastX, p.lastY)
		}
		fmt.Fprintf(p, " L%.1f %.1f", x, y)
	}
	p.lastX, p.lastY, p.skipped = x, y, false
}

// String is the path, to its end.
func (p *Pen) String() string {
	if p.skipped {
		fmt.Fprintf(p, " L%.1f %.1f", p.lastX, p.lastY)
		p.skipped = false
	}
	return p.Builder.String()
}

// Escape is text as XML has it.
func Escape(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
