package suite

import (
	"strings"
	"testing"
	"time"
)

func TestStreamsLastLongerThanASilence(t *testing.T) {
	for _, tt := range []struct{ streams, requestTimeout, want string }{
		{"", "", ""},
		{"10m", "", ""},
		{"2m", "", "STREAMS=2m10s or more"},
		{"2m", "20s", ""},
		{"ten", "", "E2E_STREAMS=ten is no duration"},
		{"-1m", "", "E2E_STREAMS=-1m is no duration"},
	} {
		t.Setenv("E2E_KUBECONFIG", "some")
		t.Setenv("E2E_STREAMS", tt.streams)
		t.Setenv("E2E_REQUEST_TIMEOUT", tt.requestTimeout)
		conf, asked, err := ConfigFromEnv()
		if !asked || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, %v", tt, asked, err)
		}
		if want, _ := time.ParseDuration(tt.streams); err == nil && conf.Streams != want {
			t.Errorf("%+v: got %v", tt, conf.Streams)
		}
	}
}
