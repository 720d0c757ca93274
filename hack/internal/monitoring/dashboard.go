package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dashboard is what is checked of dashboard.json, which is Grafana's.
type Dashboard struct {
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []Panel `json:"panels"`
	Templating    struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name        string `json:"name"`
			Expr        string `json:"expr"`
			TitleFormat string `json:"titleFormat"`
			TextFormat  string `json:"textFormat"`
		} `json:"list"`
	} `json:"annotations"`
}

// Panel is one of a dashboard's, or a row, which has no targets.
type Panel struct {
	ID          int        `json:"id"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Datasource  Datasource `json:"datasource"`
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		Expr         string     `json:"expr"`
		LegendFormat string     `json:"legendFormat"`
		Datasource   Datasource `json:"datasource"`
	} `json:"targets"`
}

// Datasource is where Grafana asks.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Variable is what a dashboard's reader chooses.
type Variable struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Definition string `json:"definition"`
}

// LoadDashboard reads the dashboard of a directory.
func LoadDashboard(dir string) (*Dashboard, error) {
	path := filepath.Join(dir, dashboardFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// asked is what a panel or an annotation of a dashboard's asks Prometheus.
type asked struct {
	by    string // such as panel "Requests"
	exprs []string
}

// queries are all that the dashboard asks, as Prometheus gets it.
func (d *Dashboard) queries() []asked {
	var all []asked
	for _, p := range d.Panels {
		a := asked{by: fmt.Sprintf("panel %q", p.Title)}
		for _, t := range p.Targets {
			a.exprs = append(a.exprs, promQL(t.Expr))
		}
		all = append(all, a)
	}
	for _, a := range d.Annotations.List {
		all = append(all, asked{fmt.Sprintf("annotation %q", a.Name), []string{promQL(a.Expr)}})
	}
	return all
}

// promQL is an expression of a dashboard's as Prometheus gets it. Variables in strings may stay as they are.
func promQL(expr string) string { return strings.ReplaceAll(expr, "$__rate_interval", "5m") }
