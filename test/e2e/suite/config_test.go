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

func TestAServerIsWhatItIsExpectedToBe(t *testing.T) {
	for _, tt := range []struct {
		expect string
		fork   bool
		want   string // in the error; empty for none
	}{
		{"", true, ""},
		{"", false, ""},
		{"fork", true, ""},
		{"fork", false, "is not recognised"},
		{"unmodified", false, ""},
		{"unmodified", true, "has the fork"},
		{"upstream", false, "E2E_EXPECT=upstream is nothing that a server can be"},
	} {
		t.Setenv("E2E_KUBECONFIG", "some")
		t.Setenv("E2E_EXPECT", tt.expect)
		conf, asked, err := ConfigFromEnv()
		if err == nil {
			err = conf.refuse(tt.fork)
		}
		if !asked || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, %v", tt, asked, err)
		}
	}
}
