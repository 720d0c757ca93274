// Package suite is what the end-to-end tests share: a cluster to run against, of which nothing is known but a
// kubeconfig, and what they need in it.
package suite

import (
	"fmt"
	"os"
	"time"

	"fork.internal/apiserver/test/e2e/report"
	"fork.internal/apiserver/test/e2e/rhythm"
)

// Config says what to run against. ConfigFromEnv has it from the environment.
type Config struct {
	// Kubeconfig is a path; its current context is used. (E2E_KUBECONFIG)
	Kubeconfig string

	// AuditLog is the path of the server's audit log, a JSON event per line, if it can be read. (E2E_AUDIT_LOG)
	AuditLog string

	// HangAddress is a host:port that the control plane reaches, and that accepts connections and says nothing.
	// Empty has the suite try a listener of its own, at each of this machine's addresses. (E2E_HANG_ADDRESS)
	HangAddress string

	// SampleAPIServer is the host:port at which the control plane reaches a k8s.io/sample-apiserver that delegates to
	// the cluster. (E2E_SAMPLE_APISERVER)
	SampleAPIServer string

	// Image is that of pods, where there are nodes: it has sh, and either busybox's httpd or /agnhost.
	// (E2E_IMAGE)
	Image string

	// Expect is what the server has to be, report.Forked or report.Unmodified: one that is not recognised as that is refused. Empty takes
	// it as it is. (E2E_EXPECT)
	Expect string

	// AsFork has a server tested as one with the fork, whatever it is. An unmodified one fails most of that, and may die of
	// it. (E2E_AS_FORK, which is set or empty)
	AsFork bool

	// RequestTimeout is the server's --request-timeout; default 60 s. (E2E_REQUEST_TIMEOUT)
	RequestTimeout time.Duration

	// StalledTimeout is the server's --stalled-connection-timeout; default 30 s. (E2E_STALLED_TIMEOUT)
	StalledTimeout time.Duration

	// WatchWriteTimeout is the server's --watch-write-timeout; default 10 min. (E2E_WATCH_WRITE_TIMEOUT)
	WatchWriteTimeout time.Duration

	// Server is the server's URL with no proxy in between, if there is one that is known to have none. (E2E_SERVER)
	Server string

	// Streams is for how long streams are used that are to last; 0 leaves that out. (E2E_STREAMS)
	Streams time.Duration
}

// Rhythm is that in which those streams are used.
func (c Config) Rhythm() rhythm.Rhythm { return rhythm.For(c.RequestTimeout) }

// DefaultImage is agnhost as upstream's own tests of v1.37 have it.
const DefaultImage = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"

// ConfigFromEnv reads the E2E_ variables. Without E2E_KUBECONFIG it is not asked for that there be a run: asked is
// false then. KUBECONFIG has no say.
func ConfigFromEnv() (conf Config, asked bool, err error) {
	conf = Config{
		Kubeconfig:      os.Getenv("E2E_KUBECONFIG"),
		AuditLog:        os.Getenv("E2E_AUDIT_LOG"),
		HangAddress:     os.Getenv("E2E_HANG_ADDRESS"),
		SampleAPIServer: os.Getenv("E2E_SAMPLE_APISERVER"),
		Image:           os.Getenv("E2E_IMAGE"),
		Server:          os.Getenv("E2E_SERVER"),
		Expect:          os.Getenv("E2E_EXPECT"),
		AsFork:          os.Getenv("E2E_AS_FORK") != "",
		RequestTimeout:  time.Minute,
		StalledTimeout:  30 * time.Second,

		WatchWriteTimeout: 10 * time.Minute,
	}
	if conf.Image == "" {
		conf.Image = DefaultImage
	}
	if conf.Expect != "" && conf.Expect != report.Forked && conf.Expect != report.Unmodified {
		return conf, true, fmt.Errorf("E2E_EXPECT=%s is nothing that a server can be; next: E2E_EXPECT=%s, E2E_EXPECT=%s, or neither", conf.Expect, report.Forked, report.Unmodified)
	}
	for name, into := range map[string]*time.Duration{
		"E2E_REQUEST_TIMEOUT": &conf.RequestTimeout, "E2E_STALLED_TIMEOUT": &conf.StalledTimeout,
		"E2E_WATCH_WRITE_TIMEOUT": &conf.WatchWriteTimeout, "E2E_STREAMS": &conf.Streams,
	} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return conf, true, fmt.Errorf("%s=%s is no duration; next: one such as 60s", name, value)
		}
		*into = d
	}
	if least := conf.Rhythm().Least(); conf.Streams > 0 && conf.Streams < least {
		return conf, true, fmt.Errorf("STREAMS=%v is too short for a silence that is longer than a request may take; next: STREAMS=%v or more", conf.Streams, least)
	}
	return conf, conf.Kubeconfig != "", nil
}
