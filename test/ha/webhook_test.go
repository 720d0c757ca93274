package ha

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWebhook(t *testing.T) {
	hook := &webhook{}
	c := testClient(t, hook)
	begun := time.Now()
	got, _, err := c.ask(t.Context(), http.MethodPost, "/", "application/json", `{"request":{"uid":"17"}}`)
	if err != nil || !strings.Contains(string(got), `"uid":"17"`) || !strings.Contains(string(got), `"allowed":true`) {
		t.Errorf("%s, %v", got, err)
	}
	if took := time.Since(begun); took < slowTime || hook.asked.Load() != 1 {
		t.Errorf("%v, asked %d times", took, hook.asked.Load())
	}
	if _, kind, _ := c.ask(t.Context(), http.MethodPost, "/", "application/json", "no JSON"); kind != "HTTP status 400" {
		t.Errorf("no review: %q", kind)
	}
}
