package webhook

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWebhook(t *testing.T) {
	const takes = 50 * time.Millisecond
	hook := &Webhook{label: "hook", takes: takes}
	server := httptest.NewServer(hook)
	defer server.Close()
	client := &http.Client{Timeout: 10 * takes}
	ask := func(question string) (status int, answer string, err error) {
		res, err := client.Post(server.URL, "application/json", strings.NewReader(question))
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		return res.StatusCode, string(data), err
	}
	about := func(value string) string {
		return fmt.Sprintf(`{"request":{"uid":"17","object":{"metadata":{"labels":{"hook":%q}}}}}`, value)
	}
	for value, least := range map[string]time.Duration{"": takes, Late: LateFactor * takes} {
		begun := time.Now()
		_, got, err := ask(about(value))
		if err != nil || !strings.Contains(got, `"uid":"17"`) || !strings.Contains(got, `"allowed":true`) {
			t.Errorf("%q: %s, %v", value, got, err)
		}
		if took := time.Since(begun); took < least {
			t.Errorf("%q: after %v", value, took)
		}
	}
	if status, _, _ := ask("no JSON"); status != http.StatusBadRequest {
		t.Errorf("no review: %d", status)
	}
	if status, _, _ := ask(about(Fails)); status != http.StatusInternalServerError {
		t.Errorf("one that fails: %d", status)
	}
	for _, value := range []string{Hangs, Resets} {
		if status, got, err := ask(about(value)); err == nil {
			t.Errorf("%q: %d, %s", value, status, got)
		}
	}
	for range 5 {
		if _, got, err := ask(about(Garbage)); err == nil && strings.Contains(got, `"uid":"17"`) {
			t.Errorf("%q is no garbage", got)
		}
	}
	if hook.Asked() != 11 {
		t.Errorf("asked %d times", hook.Asked())
	}
}
