package monitoring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
)

// dir is Dir.
var dir = filepath.Join("..", "..", "monitoring")

func loadAlerts(t *testing.T) []Alert {
	t.Helper()
	alerts, err := Alerts(dir)
	if err != nil || len(alerts) < 5 {
		t.Fatalf("%d alerts: %v", len(alerts), err)
	}
	return alerts
}

func loadDashboard(t *testing.T) *Dashboard {
	t.Helper()
	d, err := LoadDashboard(dir)
	if err != nil || len(d.Panels) < 10 {
		t.Fatalf("%v: %v", d, err)
	}
	return d
}

func recorded(t *testing.T) Metrics {
	t.Helper()
	m, err := readRecord(dir)
	if err != nil || len(m) < 100 {
		t.Fatalf("%d metrics: %v", len(m), err)
	}
	return m
}

func TestMetricsAndLabelsAreThere(t *testing.T) {
	if err := recorded(t).Has(dir); err != nil {
		t.Error(err)
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	known, seen := recorded(t), map[string]bool{}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "OPERATING.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range loadAlerts(t) {
		if seen[a.Name] || !strings.HasPrefix(a.Name, "KubeAPIServer") {
			t.Errorf("%s is there twice, or is not called KubeAPIServer...", a.Name)
		}
		seen[a.Name] = true
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", a.Name, s)
		}
		if a.Annotations["summary"] == "" {
			t.Errorf("%s: no summary", a.Name)
		}
		if d := a.Annotations["description"]; !strings.Contains(d, "Next: ") {
			t.Errorf("%s: its description does not say what to do next: %q", a.Name, d)
		}
		anchor, ok := strings.CutPrefix(a.Annotations["runbook_url"], "OPERATING.md#")
		if !ok || !regexp.MustCompile(`(?mi)^#+ `+strings.ReplaceAll(regexp.QuoteMeta(anchor), "-", " ")+`$`).Match(page) {
			t.Errorf("%s: OPERATING.md has no heading for its runbook_url %q", a.Name, a.Annotations["runbook_url"])
		}
		has, err := known.Labels(a.Expr)
		if err != nil {
			continue // TestMetricsAndLabelsAreThere says so.
		}
		for name, text := range a.Annotations {
			for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
				if !has[m[1]] {
					t.Errorf("%s: its %s shows the label %s, which it does not have", a.Name, name, m[1])
				}
			}
		}
	}
}

func TestEachAlertHasTests(t *testing.T) {
	all, err := groups(dir)
	if err != nil {
		t.Fatal(err)
	}
	fires, nearly := map[string]bool{}, map[string]bool{}
	for _, g := range all {
		switch own := `alertname="` + g.alert() + `"`; {
		case g.nearMiss() && g.fires("ALERTS{"):
			t.Errorf("%q is a near miss, and expects an alert", g.Name)
		case g.nearMiss():
			nearly[g.alert()] = true
		case !g.fires(own):
			t.Errorf("%q does not expect its alert", g.Name)
		default:
			fires[g.alert()] = true
		}
		if len(g.Tests) == 0 || len(g.Series) == 0 {
			t.Errorf("%q tests nothing", g.Name)
		}
		for _, test := range g.Tests {
			if test.Expr != `ALERTS{alertstate="firing"}` {
				t.Errorf("%q does not ask for all alerts that fire, but for %s", g.Name, test.Expr)
			}
		}
	}
	for _, a := range loadAlerts(t) {
		if !fires[a.Name] || !nearly[a.Name] {
			t.Errorf("%s: alerts_test.yaml has it fire: %t, and nearly: %t", a.Name, fires[a.Name], nearly[a.Name])
		}
		delete(fires, a.Name)
		delete(nearly, a.Name)
	}
	if len(fires)+len(nearly) > 0 {
		t.Errorf("alerts_test.yaml is about alerts that are not there: %v %v", fires, nearly)
	}
}

func TestDashboardSaysWhatToDo(t *testing.T) {
	known, d := recorded(t), loadDashboard(t)
	if d.UID == "" || d.SchemaVersion < 40 {
		t.Errorf("uid %q, schema version %d", d.UID, d.SchemaVersion)
	}
	ids, titles := map[int]bool{}, map[string]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d, %q, has another's id or title", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for _, other := range d.Panels[:i] {
			a, b := p.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%q lies on %q", p.Title, other.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || len(p.Description) < 60 {
			t.Errorf("%q shows nothing, or does not say what to do: %q", p.Title, p.Description)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || p.Datasource.UID != "${datasource}" {
				t.Errorf("%q asks %q, and not the Prometheus that was chosen", p.Title, target.Datasource.UID)
			}
			has, err := known.Labels(promQL(target.Expr))
			if err != nil {
				continue
			}
			for _, m := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !has[m[1]] {
					t.Errorf("%q: its legend shows the label %s, which it does not have", p.Title, m[1])
				}
			}
			ofChosen(t, p.Title, promQL(target.Expr))
		}
	}
}

// ofChosen fails if an expression asks for series of a control plane that was not chosen.
func ofChosen(t *testing.T, title, expr string) {
	t.Helper()
	e, err := metricsql.Parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	var unbound int
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		values := map[string]string{}
		for _, f := range m.LabelFilterss[0] {
			values[f.Label] = f.Value
		}
		// The other side of `and on (job, instance)` is bound by this one.
		if values["job"] != "$job" || values["instance"] != "$instance" {
			unbound++
		}
	})
	if allowed := strings.Count(expr, "and on (job, instance)"); unbound != allowed {
		t.Errorf("%q: %d of its series are not those of the chosen job and instance, and %d may be: %s", title, unbound, allowed, expr)
	}
}

func TestDashboardsVariables(t *testing.T) {
	known, d := recorded(t), loadDashboard(t)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Type == "datasource" {
			continue
		}
		m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("%s: %q", v.Name, v.Definition)
			continue
		}
		if has, err := known.Labels(m[1]); err != nil || !has[m[2]] {
			t.Errorf("%s: %q: %v", v.Name, v.Definition, err)
		}
	}
	if want := []string{"datasource", "job", "instance"}; !slices.Equal(names, want) {
		t.Errorf("got the variables %q, want %q", names, want)
	}
}

// fires is whether the group has its alert, or any, fire at some time.
func (g group) fires(what string) bool {
	for _, t := range g.Tests {
		for _, s := range t.Samples {
			if strings.Contains(s.Labels, what) {
				return true
			}
		}
	}
	return false
}

// readRecord reads what is known of a server's metrics in a directory.
func readRecord(dir string) (Metrics, error) {
	path := filepath.Join(dir, metricsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing; next: get it back from git, or %s", path, recordedBy)
	} else if err != nil {
		return nil, err
	}
	m := Metrics{}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			return nil, fmt.Errorf("%s: %q is no metric; next: %s", path, strings.TrimSpace(line), recordedBy)
		}
		m[words[0]] = Metric{Type: words[1], Labels: words[2:]}
	}
	return m, nil
}
