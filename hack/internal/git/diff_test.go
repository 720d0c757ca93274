package git

import (
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

func TestDiff(t *testing.T) {
	co := &checkout.Checkout{Root: t.TempDir()}
	before := map[string]string{"go.mod": "one\ntwo\n", "same": "x\n"}
	got, err := Diff(t.Context(), co, before, map[string]string{"go.mod": "one\nthree\n", "same": "x\n"})
	if want := "--- a/go.mod\n+++ b/go.mod\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"; err != nil || !strings.HasSuffix(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err = Diff(t.Context(), co, before, before); err != nil || got != "" {
		t.Errorf("got %q, %v", got, err)
	}
}
