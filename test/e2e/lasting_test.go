package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"

	"fork.internal/apiserver/test/e2e/rhythm"
	"fork.internal/apiserver/test/e2e/suite"
)

// startTime is what all streams may take to begin.
const startTime = 10 * time.Second

var errEarly = errors.New("it ended before it was to")

// lasting is what the streams that last share.
type lasting struct {
	*T
	pod    string
	rhythm rhythm.Rhythm
	begun  time.Time
	until  time.Time // when those who talk end
	ctx    context.Context
}

// lastingStreams uses streams of all kinds for long, at the same time, over either transport: whoever is there, and be it that
// it says nothing or reads slowly, gets everything, once, in order; who takes nothing is let go of.
func lastingStreams(t *T) {
	if t.Config.Streams == 0 {
		t.Skipf("STREAMS= does not say for how long, such as STREAMS=10m")
	}
	usePod(t)
	l := &lasting{T: t, pod: t.Name("lasting"), rhythm: t.Config.Rhythm()}
	t.Check(l.makePod())
	l.begun = time.Now()
	l.until = l.begun.Add(t.Config.Streams)
	var cancel func()
	l.ctx, cancel = context.WithTimeoutCause(t.ctx, t.Config.Streams+slack, fmt.Errorf("it had not ended %v after it was to", slack))
	defer cancel()

	shouts, slows := l.mayShout(), l.maySlow()
	lets := shouts && l.letsGo()
	var before suite.Metrics
	measured := t.Fork && t.Measured()
	if measured {
		var err error
		before, err = t.Metrics()
		t.Check(err)
	}
	writer := l.startWriter()

	var all sync.WaitGroup
	start := func(name string, do func(auditID string) (string, error)) {
		all.Go(func() {
			said, err := do(uuid.NewString())
			if err != nil {
				said = fmt.Sprintf("failed after %.0f s: %v", time.Since(l.begun).Seconds(), err)
				t.Errorf("%s %s", name, said)
			}
			t.Say("         %s: %s", name, said)
		})
	}
	for i, transport := range transports {
		over := " over " + transport
		start("exec"+over, func(id string) (string, error) { return l.exec(id, transport) })
		start("exec -i"+over, func(id string) (string, error) {
			return l.echo(id, transport, l.url("exec", suite.Servers, suite.Echo))
		})
		start("attach"+over, func(id string) (string, error) { return l.attach(id, transport) })
		start("attach -i"+over, func(id string) (string, error) { return l.echo(id, transport, l.url("attach", echoer(transport), "")) })
		start("port-forward"+over, func(id string) (string, error) { return l.forward(id, transport, suite.EchoPorts[i]) })
	}
	for _, p := range suite.Protocols {
		over := " over " + string(p)
		start("logs -f"+over, func(id string) (string, error) { return l.log(id, p) })
		if slows {
			start("a watch that is read slowly"+over, func(id string) (string, error) { return l.watch(id, p, writer) })
		}
		if shouts && slows {
			start("logs -f that is read slowly"+over, func(id string) (string, error) { return l.logSlowly(id, p) })
		}
		if lets {
			start("logs -f that is not read"+over, func(id string) (string, error) { return l.logStalled(id, p) })
		}
	}
	l.progress()
	if err := l.stop(); err != nil {
		t.Errorf("ending what the containers run: %v", err)
	}
	all.Wait()
	if err := writer.wait(); err != nil {
		t.Errorf("writing for the watches: %v", err)
	}
	if !measured {
		return
	}
	after, err := t.Metrics()
	t.Check(err)
	want := 0.0
	if lets {
		want = float64(len(suite.Protocols))
	}
	const stalled = "apiserver_stalled_requests_total"
	if got := after.Sum(stalled, nil) - before.Sum(stalled, nil); got != want {
		t.Errorf("%s has grown by %g, with %g streams whose clients took nothing", stalled, got, want)
	}
}

// progress waits until the streams are to end, and says how far it is.
func (l *lasting) progress() {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(time.Until(l.until)):
			return
		case <-ticker.C:
			l.Say("         lasting-streams: %v of %v", time.Since(l.begun).Round(time.Second), l.Config.Streams)
		}
	}
}

// stop ends what the containers run.
func (l *lasting) stop() error {
	var errOut bytes.Buffer
	err := stream(l.ctx, l.REST, transports[0], l.url("exec", suite.Servers, suite.Stop), remotecommand.StreamOptions{Stdout: io.Discard, Stderr: &errOut})
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errOut.String())
	}
	return err
}

// lasted notes that a stream has ended as it was to, and when it was to; its record is compared by audit-log.
func (l *lasting) lasted(auditID string, code int32) {
	l.Records.Saw(auditID, suite.Lasted(code, l.until.Add(-time.Second)))
}

// was is what has come of a stream with lines.
func (l *lasting) was(auditID string, code int32, got *rhythm.Lines, n int) (string, error) {
	said, err := got.Result(n)
	if err == nil && got.Silence() < l.Config.RequestTimeout {
		err = fmt.Errorf("it was never silent for longer than a request may take: %s", said)
	}
	if err == nil && time.Now().Before(l.until) {
		err = errEarly
	}
	if err == nil {
		l.lasted(auditID, code)
	}
	return said, err
}

// named is a configuration whose requests have that name in the audit log.
func (l *lasting) named(auditID string) *rest.Config {
	conf := rest.CopyConfig(l.REST)
	conf.Wrap(func(rt http.RoundTripper) http.RoundTripper { return withAuditID{rt, auditID} })
	return conf
}

type withAuditID struct {
	http.RoundTripper
	id string
}

func (rt withAuditID) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Audit-ID", rt.id)
	return rt.RoundTripper.RoundTrip(r)
}
