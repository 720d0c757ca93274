package main

import (
	"net/http"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// TestOnlyWhatAnyServerSaysMakesADefect has upstream mend a row, in its own words: that the fork says more is no
// defect of upstream's, and is asked of the fork.
func TestOnlyWhatAnyServerSaysMakesADefect(t *testing.T) {
	const failure, complete = metav1.StatusFailure, auditinternal.StageResponseComplete
	timedOut := records{code: 504, reason: metav1.StatusReasonTimeout, message: "too late", ended: "timed out"}
	cut := records{code: 200, reason: metav1.StatusReasonTimeout, message: "aborted after 4 bytes", ended: "aborted", bytes: 4}
	for name, tt := range map[string]struct {
		want          records
		line          string
		stage         auditinternal.Stage
		status        metav1.Status
		defect, lacks bool
	}{
		"the fork's 504":             {timedOut, `resp=504 ended="timed out" bytes=0`, complete, metav1.Status{Code: 504, Status: failure, Reason: "Timeout", Message: "too late, said somebody"}, false, false},
		"a 504 in upstream's words":  {timedOut, "resp=504", complete, metav1.Status{Code: 504}, false, true},
		"a 504 that is a 200":        {timedOut, "resp=504", complete, metav1.Status{Code: 200}, true, true},
		"a 504 after a panic":        {timedOut, "resp=504", auditinternal.StagePanic, metav1.Status{Code: 504, Status: failure}, true, true},
		"a 504 with another in log":  {timedOut, "resp=200", complete, metav1.Status{Code: 504, Status: failure, Reason: "Timeout", Message: "too late"}, true, false},
		"the fork's cut":             {cut, `resp=200 ended="aborted" bytes=4`, complete, metav1.Status{Code: 200, Status: failure, Reason: "Timeout", Message: "aborted after 4 bytes"}, false, false},
		"a cut with other bytes":     {cut, `resp=200 ended="aborted" bytes=5`, complete, metav1.Status{Code: 200, Status: failure, Reason: "Timeout", Message: "aborted after 4 bytes"}, false, true},
		"a cut in upstream's words":  {cut, "resp=200", complete, metav1.Status{Code: 200, Status: failure, Message: "cut"}, false, true},
		"a cut that is a success":    {cut, "resp=200", complete, metav1.Status{Code: 200}, true, true},
		"a cut with another in log":  {cut, `resp=504 ended="aborted" bytes=4`, complete, metav1.Status{Code: 200, Status: failure, Reason: "Timeout", Message: "aborted after 4 bytes"}, true, false},
		"a cut that ended otherwise": {cut, `resp=200 ended="client gone" bytes=4`, complete, metav1.Status{Code: 200, Status: failure, Reason: "Timeout", Message: "aborted after 4 bytes"}, false, true},
	} {
		got := tt.want.compare([]string{tt.line}, []*auditinternal.Event{{Stage: tt.stage, ResponseStatus: &tt.status}})
		if len(got.wrong) > 0 != tt.defect || len(got.lacks) > 0 != tt.lacks {
			t.Errorf("%s: wrong %q, lacks %q", name, got.wrong, got.lacks)
		}
	}
	for name, event := range map[string][]*auditinternal.Event{"no event": nil, "two": {{}, {}}, "none that has a status": {{}}} {
		if got := timedOut.compare([]string{"resp=504"}, event); len(got.wrong) == 0 {
			t.Errorf("%s is good enough", name)
		}
	}
	if got := timedOut.compare([]string{"resp=504", "resp=504"}, []*auditinternal.Event{{Stage: complete, ResponseStatus: &metav1.Status{Code: http.StatusGatewayTimeout}}}); len(got.wrong) == 0 {
		t.Error("two lines are good enough")
	}
}

func TestMetricsThatTheRowsAreAboutMakeADefect(t *testing.T) {
	want := account{requests: tally{"504": 8}, terminations: tally{"504": 8}, late: tally{"any": 8}}
	for name, tt := range map[string]struct {
		got           account
		defect, lacks bool
	}{
		"as they should be":  {account{requests: tally{"504": 8}, terminations: tally{"504": 8}, late: tally{"error": 8}}, false, false},
		"no termination":     {account{requests: tally{"504": 8}, late: tally{"error": 8}}, true, false},
		"counted as a 200":   {account{requests: tally{"200": 8}, terminations: tally{"504": 8}, late: tally{"error": 8}}, true, false},
		"two aborts":         {account{requests: tally{"504": 8}, terminations: tally{"504": 8}, aborts: 2, late: tally{"error": 8}}, false, true},
		"none that was late": {account{requests: tally{"504": 8}, terminations: tally{"504": 8}}, false, true},
	} {
		if got := weigh(make([]complaint, 8), tt.got, want); got.defect != tt.defect || len(got.lacks) > 0 != tt.lacks {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	said := weigh([]complaint{{}, {lacks: []string{"a line"}}}, want, want)
	if said.defect || said.lacks["a line"] != 1 {
		t.Errorf("got %+v", said)
	}
	if said := weigh([]complaint{wrongly("two events"), {}}, want, want); !said.defect {
		t.Errorf("got %+v", said)
	}
}
