package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/e2e/rhythm"
	"fork.internal/apiserver/test/e2e/suite"
)

const (
	// Who reads a log slowly has slowChunk of it every slowInterval, which are slowRate a second.
	slowChunk    = 16 << 10
	slowInterval = 250 * time.Millisecond
	slowRate     = int64(slowChunk * time.Second / slowInterval)

	// proxyBuffers is how much a proxy may have to send on to a slow client before the server sees it take anything again: a
	// third of the one socket's buffer and a sixteenth of the other's, of 4 MB and 32 MB at most, twice.
	proxyBuffers = 8 << 20

	// fillTime is what sockets and proxies may take to be full, and the server to act when a time is over.
	fillTime = 20 * time.Second
)

// maySlow is whether the server sees of a slow client that it takes something, if there may be a proxy in between.
func (l *lasting) maySlow() bool {
	most := time.Duration(proxyBuffers/slowRate) * time.Second
	if !l.Fork || l.Config.Server != "" || l.Config.WatchWriteTimeout > most {
		return true
	}
	l.Partly("who reads slowly: E2E_SERVER names no way to the server without a proxy, and of one that may not read for %v it lets go by its --watch-write-timeout, %v", most, l.Config.WatchWriteTimeout)
	return false
}

// letsGo is whether the server lets go of those who take nothing, soon enough to be seen.
func (l *lasting) letsGo() bool {
	switch w := l.Config.WatchWriteTimeout; {
	case !l.Fork:
		l.Partly("logs that are not read at all: only the fork lets go of them")
	case w+fillTime+startTime > l.Config.Streams:
		l.Partly("logs that are not read at all: the server lets go of them after %v, by its --watch-write-timeout", w)
	default:
		return true
	}
	return false
}

// direct is a client with no proxy between it and the server, if there is such a way. It is subject to the stall, if there is
// one.
func (l *lasting) direct(p suite.Protocol, stall *suite.Stall) (*suite.Client, error) {
	return l.NewClient(p, func(conf *rest.Config) {
		if stall != nil {
			stall.Dial(conf)
		}
		if l.Config.Server != "" {
			conf.Host = l.Config.Server
		}
	})
}

// logSlowly follows the log of a container that has printed a lot, so slowly that the server waits for it all the time.
func (l *lasting) logSlowly(auditID string, p suite.Protocol) (string, error) {
	c, err := l.direct(p, nil)
	if err != nil {
		return "", err
	}
	defer c.Close()
	body, err := l.follow(auditID, c, suite.Louder)
	if err != nil {
		return "", err
	}
	defer body.Close()
	got := &rhythm.Lines{Line: rhythm.LoudLine, Last: rhythm.Last}
	slow := &rhythm.Slowly{Reader: body, Context: l.ctx, Chunk: slowChunk, Pause: slowInterval}
	for time.Now().Before(l.until) {
		if _, err := io.CopyN(got, slow, slowChunk); err != nil {
			return "", fmt.Errorf("after %d lines: %w", got.Count(), err)
		}
	}
	by := got.Count()
	if err := copied(got, body); err != nil {
		return "", fmt.Errorf("after %d lines: %w", got.Count(), err)
	}
	n := loudLines(l.Config)
	said, err := got.Result(n)
	if err == nil && by == n {
		err = errors.New("it had everything before the time was over, and was not slow")
	}
	if err == nil {
		l.lasted(auditID, http.StatusOK)
	}
	return fmt.Sprintf("%s; %d when the time was over", said, by), err
}

// logStalled follows it and takes nothing.
func (l *lasting) logStalled(auditID string, p suite.Protocol) (string, error) {
	stall := &suite.Stall{}
	c, err := l.direct(p, stall)
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer stall.Go()
	body, err := l.follow(auditID, c, suite.Louder)
	if err != nil {
		return "", err
	}
	defer body.Close()
	if p == suite.HTTP1 { // Over HTTP/2, whoever reads no body has its stream's window closed.
		stall.Stop()
	}
	bound := l.Config.WatchWriteTimeout
	stopped := time.Now()
	select {
	case <-l.ctx.Done():
		return "", context.Cause(l.ctx)
	case <-time.After(bound + fillTime):
	}
	stall.Go()
	had, err := io.Copy(io.Discard, body)
	if err == nil {
		return "", fmt.Errorf("it ends after %d bytes as if that was all", had)
	}
	if l.ctx.Err() != nil || time.Since(stopped) > bound+2*fillTime {
		return "", fmt.Errorf("the server has not let go of it within %v: %d bytes, %w", bound+fillTime, had, err)
	}
	l.Records.Saw(auditID, suite.Stalled(http.StatusOK, stopped.Add(bound-time.Second), stopped.Add(bound+fillTime)))
	return fmt.Sprintf("cut within %v, after %.1f MB of %.1f MB", bound+fillTime, float64(had)/1e6, float64(loudLines(l.Config)*len(rhythm.LoudLine(10_000)))/1e6), nil
}
