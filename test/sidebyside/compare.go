package sidebyside

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// absent stands for an aspect that one of the two does not have.
	absent = "<none>"

	// maxLeaves bounds the differences within one text.
	maxLeaves = 20

	// maxText is how much of a value a difference keeps.
	maxText = 400
)

// Difference is one thing in which two servers differ.
type Difference struct {
	Request    string `json:"request"` // group/step protocol
	Aspect     string `json:"aspect"`
	Unmodified string `json:"unmodified"`
	Patched    string `json:"patched"`

	// Row is that of the table's entry which expects it, and empty when none does.
	Row string `json:"row,omitempty"`
	Why string `json:"why,omitempty"`
}

// compare lists in what two runs of the same steps differ, in the steps' order.
func compare(unmodified, patched []observation) []Difference {
	var diffs []Difference
	other := map[string]observation{}
	for _, o := range patched {
		other[o.request()] = o
	}
	for _, u := range unmodified {
		p, ok := other[u.request()]
		delete(other, u.request())
		if !ok {
			diffs = append(diffs, Difference{Request: u.request(), Aspect: "step", Unmodified: "sent", Patched: absent})
			continue
		}
		diffs = append(diffs, compareAspects(u.request(), u.Aspects, p.Aspects)...)
	}
	for _, name := range names(other) {
		diffs = append(diffs, Difference{Request: name, Aspect: "step", Unmodified: absent, Patched: "sent"})
	}
	return diffs
}

func compareAspects(request string, u, p map[string]string) []Difference {
	all := map[string]bool{}
	for k := range u {
		all[k] = true
	}
	for k := range p {
		all[k] = true
	}
	var diffs []Difference
	for _, aspect := range names(all) {
		a, inU := u[aspect]
		b, inP := p[aspect]
		switch {
		case inU && inP && a == b:
		case inU && inP:
			for _, leaf := range within(aspect, a, b) {
				leaf.Request = request
				diffs = append(diffs, leaf)
			}
		case inU:
			diffs = append(diffs, Difference{Request: request, Aspect: aspect, Unmodified: cut(a), Patched: absent})
		default:
			diffs = append(diffs, Difference{Request: request, Aspect: aspect, Unmodified: absent, Patched: cut(b)})
		}
	}
	return diffs
}

// within finds where two texts differ.
func within(aspect, a, b string) []Difference {
	if strings.Contains(a, or) || strings.Contains(b, or) {
		return atTimes(aspect, strings.Split(a, or), strings.Split(b, or))
	}
	return withinText(aspect, a, b)
}

// atTimes finds where two aspects differ that have several values, one at a time.
func atTimes(aspect string, as, bs []string) []Difference {
	var diffs []Difference
	aspect += " (at times)"
	for _, b := range bs {
		if !slices.Contains(as, b) {
			diffs = append(diffs, withinText(aspect, as[0], b)...)
		}
	}
	for _, a := range as {
		if !slices.Contains(bs, a) {
			diffs = append(diffs, withinText(aspect, a, bs[0])...)
		}
	}
	return diffs
}

// withinText finds where two texts differ: by field if both are JSON, by line otherwise.
func withinText(aspect, a, b string) []Difference {
	var diffs []Difference
	add := func(where, u, p string) {
		if len(diffs) < maxLeaves {
			diffs = append(diffs, Difference{Aspect: aspect + where, Unmodified: cut(u), Patched: cut(p)})
		}
	}
	left, lok := leaves(a)
	right, rok := leaves(b)
	if lok && rok {
		all := map[string]bool{}
		for k := range left {
			all[k] = true
		}
		for k := range right {
			all[k] = true
		}
		for _, k := range names(all) {
			u, p := orAbsent(left, k), orAbsent(right, k)
			if u != p {
				add(k, u, p)
			}
		}
		if diffs == nil {
			add(" (as bytes)", a, b)
		}
		return diffs
	}
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	if len(as) == 1 && len(bs) == 1 {
		add("", a, b)
		return diffs
	}
	for i := range max(len(as), len(bs)) {
		u, p := absent, absent
		if i < len(as) {
			u = as[i]
		}
		if i < len(bs) {
			p = bs[i]
		}
		if u != p {
			add(fmt.Sprintf(":%d", i+1), u, p)
		}
	}
	return diffs
}

func orAbsent(m map[string]string, k string) string {
	if v, ok := m[k]; ok {
		return v
	}
	return absent
}

// leaves are the values of a JSON text by their paths.
func leaves(text string) (map[string]string, bool) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, false
	}
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil, false
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if len(v) == 0 {
				out[path] = "{}"
			}
			for k, e := range v {
				walk(path+"."+k, e)
			}
		case []any:
			if len(v) == 0 {
				out[path] = "[]"
			}
			for i, e := range v {
				walk(path+"["+strconv.Itoa(i)+"]", e)
			}
		default:
			out[path] = fmt.Sprint(v)
		}
	}
	walk("", v)
	return out, true
}

func cut(s string) string {
	if len(s) > maxText {
		return s[:maxText] + fmt.Sprintf("... (%d bytes)", len(s))
	}
	return s
}

// match says whether a text is of a pattern, in which * stands for any text and everything else for itself.
func match(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) || len(s) < len(first)+len(last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// Expectation is an entry of the table: a difference that is meant to be there. In all but Row and Why, * stands for any
// text.
type Expectation struct {
	Row string `json:"row"` // of the defects, or what else it is about
	Why string `json:"why"`

	Requests []string `json:"requests"` // each must have the difference
	Aspect   string   `json:"aspect"`

	Unmodified string `json:"unmodified"`
	Patched    string `json:"patched"`
}

func (e Expectation) covers(d Difference) bool {
	return match(e.Aspect, d.Aspect) && match(e.Unmodified, d.Unmodified) && match(e.Patched, d.Patched) &&
		slices.ContainsFunc(e.Requests, func(r string) bool { return match(r, d.Request) })
}

// judge marks the differences that the table expects, and lists the expectations of the requests sent that no
// difference meets: one for each pattern of Requests.
func judge(diffs []Difference, table []Expectation, sent []observation) (judged []Difference, stale []Expectation) {
	judged = slices.Clone(diffs)
	for _, e := range table {
		met := make([]bool, len(e.Requests))
		for i := range judged {
			if !e.covers(judged[i]) {
				continue
			}
			judged[i].Row, judged[i].Why = e.Row, e.Why
			for k, r := range e.Requests {
				met[k] = met[k] || match(r, judged[i].Request)
			}
		}
		for k, r := range e.Requests {
			wasSent := slices.ContainsFunc(sent, func(o observation) bool { return match(r, o.request()) })
			if !met[k] && wasSent {
				unmet := e
				unmet.Requests = []string{r}
				stale = append(stale, unmet)
			}
		}
	}
	return judged, stale
}
