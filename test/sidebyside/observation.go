package sidebyside

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// observation is what one step has shown: what a client saw, and what the server wrote down.
type observation struct {
	Group    string            `json:"group"`
	Step     string            `json:"step"`
	Protocol protocol          `json:"protocol"`
	Aspects  map[string]string `json:"aspects"`
}

// request names the step in reports and in the table.
func (o observation) request() string { return o.Group + "/" + o.Step + " " + string(o.Protocol) }

// taken is a step that has been sent. What the server has written down about it is not in there yet: it may come late.
type taken struct {
	group    string
	step     step
	protocol protocol
	attempts []map[string]string // what the client saw each time
	metrics  map[string]string   // of all attempts
}

// id identifies the step in the server's records.
func (t taken) id() string { return t.group + "." + t.step.name + "." + t.protocol.short() }

// attemptID is id for one of several times that the step is sent.
func (t taken) attemptID(n int) string {
	if t.step.times <= 1 {
		return t.id()
	}
	return fmt.Sprintf("%s.x%d", t.id(), n+1)
}

// seen is what the client saw of one attempt. The sizes are added to known.
func seen(st step, answers []*answer, n *normaliser, known sizes) map[string]string {
	out := map[string]string{}
	for i, a := range answers {
		for k, v := range a.aspects(n) {
			out[numbered(i)+k] = v
		}
		known["bytes received"] += len(a.body)
		if plain, err := a.plain(); err == nil {
			known["bytes received, decompressed"] += len(plain)
		}
	}
	if want := max(st.answers, 1); len(answers) < want {
		out["answers"] = fmt.Sprintf("%d of %d", len(answers), want)
	}
	return out
}

// numbered begins the names of the aspects of one of several answers.
func numbered(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("answer[%d].", i+1)
}

// observation puts together what the step has shown.
func (t taken) observation(r *records) observation {
	for i, attempt := range t.attempts {
		id := t.attemptID(i)
		for n := range max(t.step.answers, 1) {
			answerID := id
			if n > 0 {
				answerID = fmt.Sprintf("%s.%d", id, n+1)
			}
			for k, v := range r.aspects(answerID, numbered(n)) {
				attempt[k] = v
			}
		}
		for k, v := range attempt {
			attempt[k] = strings.ReplaceAll(v, id, t.id())
		}
	}
	o := observation{Group: t.group, Step: t.step.name, Protocol: t.protocol, Aspects: merge(t.attempts)}
	maps.Copy(o.Aspects, t.metrics)
	maps.DeleteFunc(o.Aspects, func(aspect, _ string) bool {
		for pattern := range t.step.ignore {
			if match(pattern, aspect) {
				return true
			}
		}
		return false
	})
	return o
}

// or stands between the values that an aspect has at different times.
const or = "\nor\n"

// merge has, for each aspect, the values that it has in some of the attempts.
func merge(attempts []map[string]string) map[string]string {
	if len(attempts) == 1 {
		return attempts[0]
	}
	out := map[string]string{}
	for _, a := range attempts {
		for aspect := range a {
			if _, done := out[aspect]; done {
				continue
			}
			var values []string
			for _, other := range attempts {
				value, ok := other[aspect]
				if !ok {
					value = absent
				}
				values = append(values, value)
			}
			slices.Sort(values)
			out[aspect] = strings.Join(slices.Compact(values), or)
		}
	}
	return out
}
