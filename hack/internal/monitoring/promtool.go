package monitoring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/proc"
)

// promtoolVersion is that of the module github.com/prometheus/prometheus: v0.315.1 is Prometheus 3.15.1.
const promtoolVersion = "v0.315.1"

// Promtool is Prometheus' program that checks rules.
type Promtool struct {
	path string
}

// NewPromtool builds promtool, without what finds targets in clouds, which is most of it. It takes the checkout's lock.
func NewPromtool(ctx context.Context, co *checkout.Checkout) (*Promtool, error) {
	path, err := build.Release(ctx, co, build.Module{
		Path: "github.com/prometheus/prometheus", Version: promtoolVersion, Package: "cmd/promtool", Tags: "remove_all_sd",
	})
	if err != nil {
		return nil, fmt.Errorf("no promtool: %w\nnext: have `go env GOPROXY` name a proxy that has github.com/prometheus/prometheus %s; "+
			"make test-go checks the names of metrics and labels without it", err, promtoolVersion)
	}
	return &Promtool{path}, nil
}

// Checked is what promtool has found to be good.
type Checked struct {
	// Alerts are the alerts, in their order.
	Alerts []string `json:"alerts"`
	// Fired and NearMisses are how many groups of tests have each of them fire, and nearly.
	Fired      map[string]int `json:"fired"`
	NearMisses map[string]int `json:"nearMisses"`
	// Queries is how many expressions the dashboard has.
	Queries int `json:"queries"`
}

// Check has promtool check the alerts of a directory, run their tests, and parse the dashboard's expressions. The error is what it
// says of what is wrong.
func (p *Promtool) Check(ctx context.Context, dir string) (*Checked, error) {
	alerts, err := Alerts(dir)
	if err != nil {
		return nil, err
	}
	tests, err := groups(dir)
	if err != nil {
		return nil, err
	}
	c := &Checked{Fired: map[string]int{}, NearMisses: map[string]int{}}
	for _, a := range alerts {
		c.Alerts = append(c.Alerts, a.Name)
	}
	for _, g := range tests {
		if g.nearMiss() {
			c.NearMisses[g.alert()]++
		} else {
			c.Fired[g.alert()]++
		}
	}
	queries, dashboardErr := p.dashboard(ctx, dir)
	c.Queries = queries
	return c, errors.Join(
		p.run(ctx, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, alertsFile)),
		p.run(ctx, "test", "rules", filepath.Join(dir, testsFile)),
		dashboardErr,
	)
}

// dashboard has promtool parse the dashboard's expressions, each as a rule, in a group that is called as its panel.
func (p *Promtool) dashboard(ctx context.Context, dir string) (queries int, err error) {
	d, err := LoadDashboard(dir)
	if err != nil {
		return 0, err
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	type group struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	var file struct {
		Groups []group `json:"groups"`
	}
	for _, a := range d.queries() {
		g := group{Name: a.by}
		for _, expr := range a.exprs {
			queries++
			g.Rules = append(g.Rules, rule{fmt.Sprintf("query_%d", queries), expr})
		}
		file.Groups = append(file.Groups, g)
	}
	if err := p.runOn(ctx, "dashboard.yaml", file, "check", "rules"); err != nil {
		return queries, fmt.Errorf("%s: %w", filepath.Join(dir, dashboardFile), err)
	}
	return queries, nil
}

// runOn is run with a file of that name that has content.
func (p *Promtool) runOn(ctx context.Context, name string, content any, args ...string) error {
	data, err := yaml.Marshal(content)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "fork-monitoring-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	path := filepath.Join(tmp, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	return p.run(ctx, append(args, path)...)
}

// run has what promtool says, on either stream, in its error.
func (p *Promtool) run(ctx context.Context, args ...string) error {
	out, err := proc.Cmd{Args: append([]string{p.path}, args...)}.Output(ctx)
	var failed *proc.Error
	if !errors.As(err, &failed) {
		return err
	}
	said := slices.DeleteFunc(strings.Split(out+failed.Stderr, "\n"), func(line string) bool {
		return strings.TrimSpace(line) == ""
	})
	return fmt.Errorf("promtool %s: %w\n%s", strings.Join(args[:2], " "), failed.Err, strings.Join(said, "\n"))
}
