package e2e

import (
	"fmt"
	"net/http"

	"fork.internal/apiserver/test/e2e/suite"
)

// watches looks at what those got that have watched all along.
func watches(t *T) {
	events, wrong := run.background.Finish()
	for _, w := range wrong {
		t.Errorf("%s", w)
	}
	t.Say("         %d events, seen by two watches and an informer", events)
}

// auditLog compares what the audit log says of each request with what its client saw.
func auditLog(t *T) {
	if !t.Records.Kept() {
		t.Skipf("E2E_AUDIT_LOG names no audit log")
	}
	compared, differences, err := t.Records.Compare(t.Fork)
	t.Check(err)
	const most = 20
	for i, d := range differences {
		if i == most {
			t.Errorf("and %d more", len(differences)-most)
			break
		}
		t.Errorf("%s", d)
	}
	if compared == 0 {
		t.Errorf("no request was compared")
	}
	t.Say("         %d requests compared with the audit log", compared)
	if !t.Fork {
		t.Partly("requests that timed out, were cut, or whose client went: only the fork's log tells of those what clients saw (D22 to D28)")
	}
}

// server looks whether it is the process that it was, ready, and with nothing left over.
func server(t *T) {
	t.Must(t.As(suite.HTTP2), suite.Request{Path: "/readyz"}, http.StatusOK)
	if !t.Measured() {
		return
	}
	started, err := t.Started()
	t.Check(err)
	if started != run.started {
		t.Errorf("the server has started anew, %.0f s after it was first asked", started-run.started)
	}
	seatsAre(t, release, "after all", none)
	if !t.Fork {
		return
	}
	t.Check(t.Settled(func() error {
		m, err := t.Metrics()
		if err != nil {
			return err
		}
		for _, name := range []string{"apiserver_overdue_requests", "apiserver_reporting_requests"} {
			if !m.Has(name) {
				return fmt.Errorf("there is no metric %s", name)
			}
			if got := m.Sum(name, nil); got > run.overdue {
				return fmt.Errorf("%s is %g, and was %g at first", name, got, run.overdue)
			}
		}
		for _, name := range []string{"apiserver_overdue_request_duration_seconds", "apiserver_stalled_connections_closed_total"} {
			if !m.Has(name) {
				return fmt.Errorf("there is no metric %s", name)
			}
		}
		return nil
	}))
}
