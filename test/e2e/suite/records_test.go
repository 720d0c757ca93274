package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheAuditLogIsHeldAgainstWhatClientsSaw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	before := `{"auditID":"a","stage":"ResponseComplete","responseStatus":{"code":500}}` + "\n"
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := openRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, line := range []string{
		`{"auditID":"a","stage":"RequestReceived"}`,
		`{"auditID":"a","stage":"ResponseComplete","responseStatus":{"code":200}}`,
		`{"auditID":"rejected","stage":"ResponseStarted","responseStatus":{"code":400}}`,
		`{"auditID":"late","stage":"ResponseComplete","responseStatus":{"code":504,"reason":"Timeout","message":"said"}}`,
		`{"auditID":"code","stage":"ResponseComplete","responseStatus":{"code":200}}`,
		`{"auditID":"message","stage":"ResponseComplete","responseStatus":{"code":504,"reason":"Timeout","message":"other"}}`,
		`{"auditID":"gone","stage":"ResponseComplete","responseStatus":{"code":200}}`,
		`{"auditID":"twice","stage":"ResponseComplete","responseStatus":{"code":200}}`,
		`{"auditID":"twice","stage":"Panic","responseStatus":{"code":500}}`,
		`{"auditID":"somebody else's","stage":"ResponseComplete","responseStatus":{"code":200}}`,
	} {
		if _, err := f.WriteString(line + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	timedOut := Ending{Code: 504, Reason: reasonTimeout, Message: "said"}
	for id, e := range map[string]Ending{
		"a": {Code: 200}, "late": timedOut, "code": {Code: 409}, "message": timedOut, "gone": Gone(200), "twice": {Code: 200}, "rejected": {Code: 400},
	} {
		r.Saw(id, e)
	}
	compared, differences, err := r.Compare(true)
	if err != nil || compared != 7 {
		t.Errorf("%d compared, %v", compared, err)
	}
	for _, want := range []string{
		"code 200, and the client saw 409", `message "other", and the client got "said"`, `reason "", not "ClientGone"`, "2 final events, not 1",
	} {
		if !strings.Contains(strings.Join(differences, "\n"), want) {
			t.Errorf("it does not say %s: %q", want, differences)
		}
	}
	if len(differences) != 4 {
		t.Errorf("%d differences: %q", len(differences), differences)
	}
	// Of an unmodified server's log less is asked.
	if compared, differences, err := r.Compare(false); err != nil || compared != 4 || len(differences) != 2 {
		t.Errorf("%d compared, %q, %v", compared, differences, err)
	}
	if err := os.Truncate(path, 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Compare(true); err == nil || !strings.Contains(err.Error(), "was rotated") {
		t.Errorf("a log that was rotated: %v", err)
	}
}

func TestNoAuditLogIsNoError(t *testing.T) {
	r, err := openRecords("")
	if err != nil || r.Kept() {
		t.Errorf("%v", err)
	}
	r.Saw("a", Ending{Code: 200})
	if _, err := openRecords(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "; next: E2E_AUDIT_LOG=") {
		t.Errorf("a log that is not there: %v", err)
	}
}
