package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"fork.internal/apiserver/test/e2e/report"
	"fork.internal/apiserver/test/e2e/suite"
)

const (
	// hurry is what tests have to end in after an interrupt.
	hurry = 2 * time.Second

	// atMost is what all of them may take, beyond streams that are to last; they take some minutes.
	atMost = 20 * time.Minute
)

// test is one of the suite's.
type test struct {
	name string
	run  func(*T)
	// fork is what makes it one that only the fork passes: rows of the README's table.
	fork string
}

// Those alone run one after the other, before the others: they measure what others would change.
var alone = []test{
	{"slow-readers", slowReaders, "D5"},
	{"slow-senders", slowSenders, "D6"},
	{"clients-that-go", clientsThatGo, ""},
	{"counted", counted, "D15, D22, D28"},
}

// Those together run at the same time.
var together = []test{
	{"configmaps", configMaps, ""},
	{"custom-resources", customResources, ""},
	{"invalid-timeouts", invalidTimeouts, ""},
	{"deadlines", deadlines, "D15, D20"},
	{"deadlines-of-lists", deadlinesOfLists, "D15, D16"},
	{"deadline-of-mutations", deadlineOfMutations, "D28"},
	{"stalled-connection", stalledConnection, "D5, E13"},
	{"rejected-senders", rejectedSenders, "D6"},
	{"warnings", warnings, ""},
	{"warnings-at-the-deadline", warningsAtTheDeadline, "D1: it would be killed by it"},
	{"webhooks", webhooks, ""},
	{"exec", execs, ""},
	{"attach", attach, ""},
	{"logs", logs, ""},
	{"port-forward", portForward, ""},
	{"lasting-streams", lastingStreams, ""},
	{"proxies", proxies, ""},
	{"aggregated-api", aggregated, ""},
	{"aggregated-deadlines", aggregatedDeadlines, "D15"},
	{"aggregated-api-gone", aggregatedGone, ""},
}

// Those last look at what the others have left.
var last = []test{
	{"watches", watches, ""},
	{"audit-log", auditLog, ""},
	{"server", server, ""},
}

// run is this run of them.
var run struct {
	suite      *suite.Suite
	background *suite.Background
	silent     *suite.Silent
	silentErr  error // why there is none
	started    float64
	overdue    float64

	mu     sync.Mutex
	report report.Report
}

func TestMain(m *testing.M) {
	// The server's warnings are what is tested, and no news.
	klog.SetLogger(logr.Discard())
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	conf, asked, err := suite.ConfigFromEnv()
	if err == nil {
		err = choose(strings.Fields(strings.ReplaceAll(os.Getenv("E2E_TESTS"), ",", " ")))
	}
	if err != nil {
		return refuse(err)
	}
	if !asked {
		fmt.Println("e2e: not run, as E2E_KUBECONFIG names no cluster to run against; next: make test-e2e")
		return 0
	}
	flag.Parse()
	flag.Set("test.parallel", "64") // They wait, most of the time.

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	longest := atMost + conf.Streams
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("the tests have taken %v, and should have ended long ago", longest))
	defer cancel()
	begun := time.Now()
	s, err := suite.Open(ctx, conf, os.Stderr)
	if err != nil {
		return refuse(err)
	}
	run.suite = s
	run.report = report.Report{Server: s.REST.Host, Version: s.Version, Fork: s.Fork}
	what := "unmodified: what only the fork promises is skipped"
	if s.Fork {
		what = "with the fork"
	}
	s.Say("%s is %s, %s; what is made there has the label %s=%s", s.REST.Host, s.Version, what, suite.Label, s.Suffix)
	ended := make(chan int, 1)
	go func() { ended <- runTests(m) }()
	code := 1
	select {
	case code = <-ended:
	case <-ctx.Done():
		stop() // A second interrupt ends it at once.
		s.Say("%v: removing what was made", context.Cause(ctx))
		select {
		case <-ended:
		case <-time.After(hurry):
		}
		code = 130
	}
	closePod()
	run.silent.Close()
	left := s.Close()
	run.mu.Lock()
	defer run.mu.Unlock()
	run.report.Left = left
	run.report.Seconds = time.Since(begun).Seconds()
	run.report.WriteSummary(os.Stderr)
	if len(left) > 0 && code == 0 {
		code = 1
	}
	if _, err := writeReport(&run.report); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: the report: %v\n", err)
		return 1
	}
	return code
}

// refuse says why no test is run: in the report, to whoever has asked for one and says it in turn, and here otherwise.
func refuse(err error) int {
	if written, reportErr := writeReport(&report.Report{Error: err.Error()}); !written || reportErr != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
	}
	return 1
}

// writeReport writes it to E2E_REPORT, if that is set.
func writeReport(r *report.Report) (written bool, err error) {
	path := os.Getenv("E2E_REPORT")
	if path == "" {
		return false, nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	return err == nil, err
}

// runTests prepares what tests share, and runs them.
func runTests(m *testing.M) int {
	s := run.suite
	first, err := s.Metrics()
	if err == nil {
		run.overdue = first.Sum("apiserver_overdue_requests", nil)
		run.started, err = s.Started()
	}
	if err == nil {
		run.background, err = s.StartBackground()
	}
	if err != nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		run.report.Error = fmt.Sprintf("preparing the tests: %v", err)
		return 1
	}
	run.silent, run.silentErr = s.FindSilent()
	return m.Run()
}

// choose keeps the tests of these names, and those that look at what the others have left.
func choose(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var known []string
	keep := func(tests []test) (kept []test) {
		for _, t := range tests {
			known = append(known, t.name)
			if slices.Contains(names, t.name) {
				kept = append(kept, t)
			}
		}
		return kept
	}
	alone, together = keep(alone), keep(together)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no test %s; next: ID= with some of %s", name, strings.Join(known, " "))
		}
	}
	return nil
}

func TestE2E(t *testing.T) {
	each := func(t *testing.T, tests []test, parallel bool) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if parallel {
					t.Parallel()
				}
				runTest(t, tt)
			})
		}
	}
	each(t, alone, false)
	t.Run("together", func(t *testing.T) { each(t, together, true) })
	each(t, last, false)
}
