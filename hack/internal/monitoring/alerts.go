package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Alert is a rule of alerts.yaml.
type Alert struct {
	Name        string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// Alerts reads the alerts of a directory, in their order.
func Alerts(dir string) ([]Alert, error) {
	var file struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []Alert `json:"rules"`
		} `json:"groups"`
	}
	if err := readYAML(filepath.Join(dir, alertsFile), &file); err != nil {
		return nil, err
	}
	var all []Alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}

// group is one of alerts_test.yaml: what a server has, and what fires then.
type group struct {
	Name     string `json:"name"`
	Interval string `json:"interval"`
	Series   []struct {
		Series string `json:"series"`
		Values string `json:"values"`
	} `json:"input_series"`
	Tests []struct {
		Expr    string `json:"expr"`
		Time    string `json:"eval_time"`
		Samples []struct {
			Labels string  `json:"labels"`
			Value  float64 `json:"value"`
		} `json:"exp_samples"`
	} `json:"promql_expr_test"`
}

// near is what a group's name has between the alert that it nearly fires and why it does not.
const near = ", not: "

// nearMiss reports whether the group says that its alert does not fire.
func (g group) nearMiss() bool { return strings.Contains(g.Name, near) }

// alert is the one that the group is about.
func (g group) alert() string {
	name, _, _ := strings.Cut(g.Name, near)
	return name
}

func groups(dir string) ([]group, error) {
	var file struct {
		RuleFiles []string `json:"rule_files"`
		Interval  string   `json:"evaluation_interval"`
		Tests     []group  `json:"tests"`
	}
	err := readYAML(filepath.Join(dir, testsFile), &file)
	return file.Tests, err
}

func readYAML(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
