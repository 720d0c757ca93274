package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"fork.internal/apiserver/test/e2e/rhythm"
	"fork.internal/apiserver/test/e2e/suite"
)

const (
	// A burst is of burstEvents, as many as a server keeps for a watch before it ends it for being behind, of burstSize each.
	burstEvents = 10
	burstSize   = 900_000

	// Who watches slowly reads watchChunk every slowInterval, and a burst in burstTime.
	watchChunk = 64 << 10
	burstTime  = burstEvents * burstSize / watchChunk * slowInterval
)

// seqWriter changes an object in bursts, each of which is read for longer than a stall is waited for, with silence between them.
type seqWriter struct {
	name, from string // from is the version to watch from
	done       sync.WaitGroup
	err        error

	mu sync.Mutex
	n  int
}

// startWriter starts one. It ends in time for the last burst to be read.
func (l *lasting) startWriter() *seqWriter {
	l.Helper()
	w := &seqWriter{name: "lasting"}
	maps := l.Client.CoreV1().ConfigMaps(l.Namespace)
	m, err := maps.Create(l.ctx, &corev1.ConfigMap{ObjectMeta: l.Meta(w.name)}, metav1.CreateOptions{})
	l.Check(err)
	w.from = m.ResourceVersion
	w.done.Go(func() {
		time.Sleep(startTime)
		for l.ctx.Err() == nil && time.Until(l.until) > 2*burstTime {
			for range burstEvents {
				m.Data = map[string]string{"seq": strconv.Itoa(w.n), "text": seqText(w.n)}
				if m, w.err = maps.Update(l.ctx, m, metav1.UpdateOptions{}); w.err != nil {
					return
				}
				w.mu.Lock()
				w.n++
				w.mu.Unlock()
			}
			select {
			case <-l.ctx.Done():
			case <-time.After(burstTime + l.Config.RequestTimeout + startTime):
			}
		}
	})
	return w
}

// seqText differs from event to event.
func seqText(n int) string {
	unit := fmt.Sprintf("%08d", n)
	return strings.Repeat(unit, burstSize/len(unit))
}

// wait waits until it has ended.
func (w *seqWriter) wait() error {
	w.done.Wait()
	return w.err
}

// written is how many changes there were.
func (w *seqWriter) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// watch watches that object, and reads slowly, until the server ends it when it is asked to.
func (l *lasting) watch(auditID string, p suite.Protocol, w *seqWriter) (string, error) {
	c, err := l.direct(p, nil)
	if err != nil {
		return "", err
	}
	defer c.Close()
	query := url.Values{
		"watch": {"1"}, "resourceVersion": {w.from}, "fieldSelector": {"metadata.name=" + w.name},
		"timeoutSeconds": {strconv.Itoa(int(time.Until(l.until) / time.Second))},
	}
	resp, a, err := c.Send(l.ctx, suite.Request{Path: configMapsPath(l.Suite) + "?" + query.Encode(), AuditID: auditID})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if a.Code != http.StatusOK {
		return "", fmt.Errorf("status %d", a.Code)
	}
	events := json.NewDecoder(&rhythm.Slowly{Reader: resp.Body, Context: l.ctx, Chunk: watchChunk, Pause: slowInterval})
	var silence time.Duration
	for n, at := 0, time.Now(); ; n++ {
		var e struct {
			Type   string
			Object corev1.ConfigMap
		}
		if err := events.Decode(&e); err != nil {
			switch written := w.written(); {
			case !errors.Is(err, io.EOF):
				return "", fmt.Errorf("after %d events: %w", n, err)
			case time.Until(l.until) > 2*time.Second:
				return "", fmt.Errorf("after %d events: %w", n, errEarly)
			case n != written || n == 0:
				return "", fmt.Errorf("it had %d events of %d", n, written)
			case n > burstEvents && silence < l.Config.RequestTimeout:
				return "", fmt.Errorf("between bursts it was never silent for longer than a request may take, but %v at most", silence)
			}
			silence = max(silence, time.Since(at))
			l.Records.Saw(auditID, suite.Lasted(http.StatusOK, l.until.Add(-2*time.Second)))
			return fmt.Sprintf("%d events, %.1f MB, once each, a burst of %.1f MB in %v; the longest silence %.0f s", n, float64(n*burstSize)/1e6,
				float64(burstEvents*burstSize)/1e6, burstTime.Round(time.Second), silence.Seconds()), nil
		}
		silence, at = max(silence, time.Since(at)), time.Now()
		if got := e.Object.Data; e.Type != string(watch.Modified) || got["seq"] != strconv.Itoa(n) || got["text"] != seqText(n) {
			return "", fmt.Errorf("in place of event %d: %s of %q with %d bytes", n, e.Type, got["seq"], len(got["text"]))
		}
	}
}
