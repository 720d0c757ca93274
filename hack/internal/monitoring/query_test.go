package monitoring

import (
	"strings"
	"testing"
)

var few = Metrics{
	"requests_total":   {"counter", []string{"code", "verb"}},
	"limit":            {"gauge", []string{"level"}},
	"build_info":       {"gauge", []string{"version"}},
	"duration_seconds": {"histogram", []string{"verb"}},
}

func TestLabels(t *testing.T) {
	for expr, want := range map[string]string{
		"requests_total": "code, instance, job, verb",
		`rate(requests_total{code="504"}[5m]) > 0`:                                         "code, instance, job, verb",
		"sum(requests_total)":                                                              "",
		"sum by (job, verb) (rate(requests_total[5m])) / 2":                                "job, verb",
		"sum without (code, verb) (requests_total) or limit":                               "instance, job, level",
		"topk(3, sum by (verb) (requests_total))":                                          "verb",
		"sum by (verb) (requests_total) unless sum by (verb) (requests_total)":             "verb",
		"histogram_quantile(0.9, sum by (le) (rate(duration_seconds_bucket[5m])))":         "",
		"rate(duration_seconds_sum[5m]) / rate(duration_seconds_count[5m])":                "instance, job, verb",
		"limit and on (job) requests_total offset 5m":                                      "instance, job, level",
		"limit > on (job, instance) build_info":                                            "instance, job",
		"limit * on (job, instance) group_left (version) build_info":                       "instance, job, level, version",
		"limit / ignoring (level) group_left () sum without (code, verb) (requests_total)": "instance, job, level",
		"time() - max by (job) (up)":                                                       "job",
	} {
		got, err := few.Labels(expr)
		if err != nil || labels(got).String() != want {
			t.Errorf("%s: got %s, %v; want %s", expr, labels(got), err, want)
		}
	}
}

func TestLabelsThatAreNot(t *testing.T) {
	for expr, want := range map[string]string{
		"request_total":                                    "no server has a metric request_total",
		"duration_seconds":                                 "no server has a metric duration_seconds",
		"limit_bucket":                                     "no server has a metric limit_bucket",
		`requests_total{resource="pods"}`:                  "requests_total has no label resource",
		`{job="a"}`:                                        "names no metric",
		"sum by (le) (requests_total)":                     "has no label le",
		"sum without (le) (requests_total)":                "has no label le",
		"histogram_quantile(0.9, duration_seconds_sum)":    "has no label le",
		"requests_total / limit":                           "never match",
		"sum by (job) (limit) > sum by (instance) (limit)": "never match",
		"limit and on (level) build_info":                  "the right of",
		"limit * on (job) group_left (level) build_info":   "has no label level",
		"sum by (job) (limit":                              "",
	} {
		if _, err := few.Labels(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", expr, err, want)
		}
	}
}
