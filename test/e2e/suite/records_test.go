package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		`{"auditID":"lasted","stage":"ResponseStarted","responseStatus":{"code":101}}`,
		`{"auditID":"lasted","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:01:00.000000Z","responseStatus":{"code":101}}`,
		`{"auditID":"never completed","stage":"ResponseStarted","stageTimestamp":"2026-01-01T00:01:00.000000Z","responseStatus":{"code":101}}`,
		`{"auditID":"struck","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:01:00.000000Z","responseStatus":{"code":200,"status":"Failure","reason":"ClientStalled"}}`,
		`{"auditID":"early","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:00:59.000000Z","responseStatus":{"code":101}}`,
		`{"auditID":"stalled","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:01:00.000000Z","responseStatus":{"code":200,"status":"Failure","reason":"ClientStalled"}}`,
		`{"auditID":"late for that","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:02:00.000000Z","responseStatus":{"code":200,"status":"Failure","reason":"ClientStalled"}}`,
		`{"auditID":"somebody else's","stage":"ResponseComplete","responseStatus":{"code":200}}`,
	} {
		if _, err := f.WriteString(line + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	minute := time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	timedOut := Ending{Code: 504, Reason: reasonTimeout, Message: "said"}
	for id, e := range map[string]Ending{
		"a": {Code: 200}, "late": timedOut, "code": {Code: 409}, "message": timedOut, "gone": Gone(200), "twice": {Code: 200}, "rejected": {Code: 400},
		"lasted": Lasted(101, minute), "never completed": Lasted(101, minute), "struck": Lasted(200, minute), "early": Lasted(101, minute),
		"stalled": Stalled(200, minute, minute), "late for that": Stalled(200, minute, minute),
	} {
		r.Saw(id, e)
	}
	compared, differences, err := r.Compare(true)
	if err != nil || compared != 13 {
		t.Errorf("%d compared, %v", compared, err)
	}
	for _, want := range []string{
		"code 200, and the client saw 409", `message "other", and the client got "said"`, `reason "", not "ClientGone"`, "2 final events, not 1",
		"never completed ( ): it lasted and was completed, and the log has ResponseStarted", "struck ( ): it lasted and was completed",
		"early ( ): it ended at 2026-01-01 00:00:59 +0000 UTC", "late for that ( ): it ended at 2026-01-01 00:02:00",
	} {
		if !strings.Contains(strings.Join(differences, "\n"), want) {
			t.Errorf("it does not say %s: %q", want, differences)
		}
	}
	if len(differences) != 8 {
		t.Errorf("%d differences: %q", len(differences), differences)
	}
	// Of an unmodified server's log less is asked.
	if compared, differences, err := r.Compare(false); err != nil || compared != 8 || len(differences) != 5 {
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
