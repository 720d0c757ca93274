package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// reload is a line in which the server says that it has read its deadline policy again.
type reload struct {
	at    time.Time
	taken bool   // or refused
	hash  string // of the policy in force from then on
	line  string
}

var (
	reloadLine = regexp.MustCompile(`^[IE](\d{4} \d\d:\d\d:\d\d\.\d{6}) .*\] "(Reloaded|Refused) the deadline policy`)
	reloadHash = regexp.MustCompile(` hash="([^"]*)"`)
)

// reloadLog follows the log of a server, of which it reads everything once.
type reloadLog struct {
	path string
	read int64
	all  []reload
}

// reloads are those until now.
func (l *reloadLog) reloads() ([]reload, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, l.read, math.MaxInt64-l.read))
	if err != nil {
		return nil, err
	}
	// What follows the last line's end is half a line.
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	more, err := parseReloads(data, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	l.read += int64(len(data))
	l.all = append(l.all, more...)
	return l.all, nil
}

// parseReloads finds those lines in a part of a log.
func parseReloads(log []byte, now time.Time) (found []reload, err error) {
	for line := range bytes.Lines(log) {
		m := reloadLine.FindSubmatch(line)
		if m == nil {
			continue
		}
		r := reload{taken: string(m[2]) == "Reloaded", line: strings.TrimSpace(string(line))}
		// klog leaves out the year.
		if r.at, err = time.ParseInLocation("2006 0102 15:04:05.000000", fmt.Sprintf("%d %s", now.Year(), m[1]), now.Location()); err != nil {
			return nil, err
		}
		if r.at.After(now.Add(24 * time.Hour)) {
			r.at = r.at.AddDate(-1, 0, 0)
		}
		if hash := reloadHash.FindSubmatch(line); hash != nil {
			r.hash = string(hash[1])
		}
		found = append(found, r)
	}
	return found, nil
}

// reloadMetrics is what the server's metrics say of its reloads, and of the policies in force.
type reloadMetrics struct {
	taken, refused int
	hashes         []string
}

// policyMetrics is what the names of these metrics begin with.
const policyMetrics = "apiserver_deadline_policy_config_controller_"

func parseReloadMetrics(data []byte) (r reloadMetrics, err error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil {
		return r, err
	}
	for name, family := range families {
		for _, series := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range series.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			switch {
			case name == policyMetrics+"last_config_info":
				r.hashes = append(r.hashes, labels["hash"])
			case name == policyMetrics+"automatic_reloads_total" && labels["status"] == "success":
				r.taken += int(series.GetCounter().GetValue())
			case name == policyMetrics+"automatic_reloads_total" && labels["status"] == "failure":
				r.refused += int(series.GetCounter().GetValue())
			}
		}
	}
	return r, nil
}

// reloadsAgree holds the metrics, after what has come to the file, against the lines in the log, which are all that there
// are: as many reloads of either kind, and one policy in force, with that hash.
func (e *env) reloadsAgree(ctx context.Context, after string, lines []reload, inForce string) error {
	data, err := e.Get(ctx, "/metrics")
	if err != nil {
		return err
	}
	got, err := parseReloadMetrics(data)
	if err != nil {
		return err
	}
	if what := got.wrong(lines, inForce); what != "" {
		e.wrongf("%s: %s", after, what)
	}
	return nil
}

func (r reloadMetrics) wrong(lines []reload, inForce string) string {
	want := reloadMetrics{hashes: []string{inForce}}
	for _, l := range lines {
		if l.taken {
			want.taken++
		} else {
			want.refused++
		}
	}
	if fmt.Sprint(r) == fmt.Sprint(want) {
		return ""
	}
	return fmt.Sprintf("the metrics say that %d policies were taken, %d refused, and %v in force; the log and the file say %d, %d and %v",
		r.taken, r.refused, r.hashes, want.taken, want.refused, want.hashes)
}
