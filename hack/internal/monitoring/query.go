package monitoring

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metricsql"
)

// labels are the names of those that the series of an expression may have.
type labels map[string]bool

func labelsOf(names ...string) labels {
	set := labels{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

func (l labels) String() string { return strings.Join(slices.Sorted(maps.Keys(l)), ", ") }

// target are the labels that Prometheus adds to all that it has scraped.
var target = []string{"job", "instance"}

// own are the series that Prometheus itself makes.
var own = map[string][]string{
	"up":     {},
	"ALERTS": {"alertname", "alertstate", "severity", "verb", "group", "resource"},
}

// query is an expression that is being looked at.
type query struct {
	known Metrics
	names map[string]bool // the series that it asks for
	wrong []error
}

// Labels are those of an expression's result, by name. The error says which metrics and labels it uses that are not known, and
// which of its parts have no label set in common, and so never a result. PromQL's own rules are promtool's to say.
func (m Metrics) Labels(expr string) (map[string]bool, error) {
	l, _, err := m.look(expr)
	return l, err
}

func (m Metrics) look(expr string) (labels, map[string]bool, error) {
	parsed, err := metricsql.Parse(expr)
	if err != nil {
		return nil, nil, err
	}
	q := &query{known: m, names: map[string]bool{}}
	l := q.look(parsed)
	return l, q.names, errors.Join(q.wrong...)
}

func (q *query) wrongf(format string, args ...any) {
	q.wrong = append(q.wrong, fmt.Errorf(format, args...))
}

// want says so if one of the labels is not among those of what.
func (q *query) want(names []string, has labels, what string) {
	for _, name := range names {
		if !has[name] {
			q.wrongf("%s has no label %s, but %s", what, name, has)
		}
	}
}

// look is nil for what is no series, such as a number.
func (q *query) look(e metricsql.Expr) labels {
	switch e := e.(type) {
	case *metricsql.MetricExpr:
		return q.metric(e)
	case *metricsql.RollupExpr:
		return q.look(e.Expr)
	case *metricsql.AggrFuncExpr:
		return q.aggregate(e)
	case *metricsql.BinaryOpExpr:
		return q.binary(e)
	case *metricsql.FuncExpr:
		has := q.either(e.Args)
		if e.Name == "histogram_quantile" {
			q.want([]string{"le"}, has, e.Name)
			delete(has, "le")
		}
		return has
	}
	return nil
}

// either is what one of several may have.
func (q *query) either(all []metricsql.Expr) labels {
	var has labels
	for _, e := range all {
		if l := q.look(e); l != nil {
			if has == nil {
				has = labels{}
			}
			maps.Copy(has, l)
		}
	}
	return has
}

func (q *query) metric(e *metricsql.MetricExpr) labels {
	has := labelsOf(target...)
	for _, filters := range e.LabelFilterss {
		if len(filters) == 0 || filters[0].Label != "__name__" || filters[0].IsRegexp || filters[0].IsNegative {
			q.wrongf("%s names no metric", e.AppendString(nil))
			continue
		}
		name := filters[0].Value
		q.names[name] = true
		names, ok := own[name]
		if !ok {
			names, ok = q.known.find(name)
		}
		if !ok {
			q.wrongf("no server has a metric %s", name)
			continue
		}
		maps.Copy(has, labelsOf(names...))
		for _, f := range filters[1:] {
			q.want([]string{f.Label}, has, name)
		}
	}
	return has
}

func (q *query) aggregate(e *metricsql.AggrFuncExpr) labels {
	has := q.either(e.Args)
	what := string(e.AppendString(nil))
	switch {
	case e.Modifier.Op == "without":
		q.want(e.Modifier.Args, has, what)
		for _, name := range e.Modifier.Args {
			delete(has, name)
		}
		return has
	case strings.EqualFold(e.Name, "topk") || strings.EqualFold(e.Name, "bottomk"):
		return has
	}
	q.want(e.Modifier.Args, has, what)
	return labelsOf(e.Modifier.Args...)
}

func (q *query) binary(e *metricsql.BinaryOpExpr) labels {
	left, right := q.look(e.Left), q.look(e.Right)
	what := string(e.AppendString(nil))
	if left == nil || right == nil {
		return q.number(left, right)
	}
	many, one := left, right
	if strings.EqualFold(e.JoinModifier.Op, "group_right") {
		many, one = right, left
	}
	on := strings.EqualFold(e.GroupModifier.Op, "on")
	switch {
	case strings.EqualFold(e.Op, "or"):
		both := maps.Clone(left)
		maps.Copy(both, right)
		return both
	case on:
		q.want(e.GroupModifier.Args, left, "the left of "+what)
		q.want(e.GroupModifier.Args, right, "the right of "+what)
	default:
		a, b := maps.Clone(left), maps.Clone(right)
		for _, name := range e.GroupModifier.Args {
			delete(a, name)
			delete(b, name)
		}
		if !maps.Equal(a, b) {
			q.wrongf("the two sides of %s never match: one has %s, the other %s", what, a, b)
		}
	}
	switch set := strings.EqualFold(e.Op, "and") || strings.EqualFold(e.Op, "unless"); {
	case set:
		return left
	case e.JoinModifier.Op != "":
		q.want(e.JoinModifier.Args, one, what)
		maps.Copy(many, labelsOf(e.JoinModifier.Args...))
		return many
	case on:
		return labelsOf(e.GroupModifier.Args...)
	}
	for _, name := range e.GroupModifier.Args {
		delete(left, name)
	}
	return left
}

// number is what a series has when the other side is a number.
func (q *query) number(left, right labels) labels {
	if left == nil {
		return right
	}
	return left
}
