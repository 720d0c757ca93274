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

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/e2e/suite"
)

const (
	// stallTimeout is that of requests whose clients stall.
	stallTimeout = 3 * time.Second

	// release is what may pass from a deadline until everything is given back.
	release = 5 * time.Second

	// patience is what a client waits beyond the time in which it is to be answered. The server's, with a body, is 3 s.
	patience = 10 * time.Second
)

var errNoAnswer = errors.New("there was no answer in time")

// seatsAre waits until User's requests have as many seats as is wanted.
func seatsAre(t *T, within time.Duration, what string, wanted func(float64) bool) {
	t.Helper()
	if err := t.Eventually(within, func() error {
		seats, err := t.Seats()
		if err == nil && !wanted(seats) {
			err = fmt.Errorf("%g seats are taken", seats)
		}
		return err
	}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func none(seats float64) bool { return seats == 0 }
func some(seats float64) bool { return seats > 0 }

// served has the same user ask for something else, and get it.
func served(t *T, p suite.Protocol, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, release)
	defer cancel()
	if a, err := t.AsUser(p).Do(ctx, suite.Request{Path: path}); err != nil || a.Code != http.StatusOK {
		t.Errorf("another request of the same user: %v %v", a, err)
	}
}

// slowReaders ask for a large LIST and read no more than its beginning: at the deadline it is cut, and the seat is free,
// though the client still sits there. None gets a part for the whole.
func slowReaders(t *T) {
	const readers = 3
	path := hugeList(t)
	measured := t.Measured()
	for _, p := range suite.Protocols {
		aborted := suite.L{"resource": "configmaps", "verb": "LIST"}
		var before suite.Metrics
		var err error
		if measured {
			before, err = t.Metrics()
			t.Check(err)
		}
		var answers []stalledAnswer
		begun := time.Now()
		for range readers {
			stall := &suite.Stall{}
			c, err := t.NewClient(p, func(conf *rest.Config) { conf.Impersonate.UserName = t.User; stall.Dial(conf) })
			t.Check(err)
			resp, a, err := c.Send(t.ctx, within(suite.Request{Path: path}, stallTimeout))
			t.Check(err)
			if p == suite.HTTP1 { // Over HTTP/2, whoever reads no body has its stream's window closed; for its socket see stalledConnection.
				stall.Stop()
			}
			defer c.Close()
			defer stall.Go()
			defer resp.Body.Close()
			if a.Code != http.StatusOK {
				t.Fatalf("a large LIST: status %d", a.Code)
			}
			answers = append(answers, stalledAnswer{&resumed{resp.Body, stall}, a.AuditID})
		}
		if measured {
			seatsAre(t, stallTimeout, "while they do not read", some)
		}
		served(t, p, configMapsPath(t.Suite)+"?limit=1")
		if measured {
			seatsAre(t, stallTimeout-time.Since(begun)+release, "after the deadline of clients that do not read, over "+string(p), none)
		} else if left := stallTimeout - time.Since(begun) + time.Second; left > 0 {
			<-time.After(left)
		}
		served(t, p, configMapsPath(t.Suite)+"?limit=1")
		cut := 0
		for _, a := range answers {
			if a.readOn(t, p) {
				cut++
			}
		}
		switch {
		case cut < readers && t.Direct():
			t.Errorf("over %s, %d of %d large answers that were not read came whole, and nothing is between here and the server that could have taken them", p, readers-cut, readers)
		case cut < readers:
			t.Partly("over %s, what is between here and the server took all of %d of %d large answers", p, readers-cut, readers)
		}
		if !measured {
			continue
		}
		t.Check(t.Settled(func() error {
			m, err := t.Metrics()
			if err != nil {
				return err
			}
			if got := m.Sum("apiserver_request_aborts_total", aborted) - before.Sum("apiserver_request_aborts_total", aborted); int(got) < cut {
				return fmt.Errorf("apiserver_request_aborts_total%v has grown by %g, with %d requests that were cut", aborted, got, cut)
			}
			return nil
		}))
	}
}

// stalledAnswer is a large LIST of which no more than the header has been read.
type stalledAnswer struct {
	body    io.ReadCloser
	auditID string
}

// readOn reads the rest after the deadline, and says whether it was cut. It is not where all of it had gone by then, into
// the buffers of sockets and proxies; then it is whole.
func (a stalledAnswer) readOn(t *T, p suite.Protocol) (cut bool) {
	t.Helper()
	data, err := io.ReadAll(a.body)
	if err != nil {
		t.Records.Saw(a.auditID, suite.Cut())
		return true
	}
	t.Records.Saw(a.auditID, suite.Ending{Code: http.StatusOK})
	if n := bytes.Count(data, []byte(`"name":"big-`)); n != hugeObjects || !bytes.HasSuffix(bytes.TrimSpace(data), []byte("}]}")) {
		t.Errorf("over %s, a client that read on after the deadline got %d bytes with %d of %d objects, and their end", p, len(data), n, hugeObjects)
	}
	return false
}

// resumed goes on with a body's connection when it is read.
type resumed struct {
	io.ReadCloser
	stall *suite.Stall
}

func (r *resumed) Read(p []byte) (int, error) {
	r.stall.Go()
	return r.ReadCloser.Read(p)
}

// halfBody is the first half of a body, and then nothing until it is closed.
type halfBody struct {
	*io.PipeReader
	w *io.PipeWriter
}

// half ends with ctx, too: an HTTP/1.1 client does not go while it waits for its body.
func half(ctx context.Context, body []byte) *halfBody {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	go io.Copy(w, bytes.NewReader(body[:len(body)/2])) // Ends when the request does, which closes the reader.
	return &halfBody{r, w}
}

// slowSenders stop in the middle of a body: a complete 504 at the deadline, and the seat is free.
func slowSenders(t *T) {
	const senders = 3
	body := configMap(t.Suite, "never-sent", map[string]string{"text": "half of this"})
	measured := t.Measured()
	for _, p := range suite.Protocols {
		var all sync.WaitGroup
		for range senders {
			c := t.AsUser(p)
			all.Go(func() {
				ctx, cancel := context.WithTimeoutCause(t.ctx, stallTimeout+patience, errNoAnswer)
				defer cancel()
				stream := half(ctx, body)
				defer stream.w.Close()
				a, err := c.Do(ctx, within(suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite), Stream: stream}, stallTimeout))
				if err == nil {
					err = Complete504(a, stallTimeout)
				}
				if err != nil {
					t.Errorf("a body that stops half way, over %s: %v", p, err)
				}
			})
		}
		if measured {
			seatsAre(t, stallTimeout, "while they do not send", some)
		}
		served(t, p, configMapsPath(t.Suite)+"?limit=1")
		all.Wait()
		if measured {
			seatsAre(t, release, "after the deadline of clients that do not send, over "+string(p), none)
		}
	}
}

// rejectedSenders stop in the middle of a body that nobody reads: they get their answer all the same.
func rejectedSenders(t *T) {
	everyProtocol(t, func(p suite.Protocol) {
		for _, tt := range []struct {
			name string
			edit func(*rest.Config)
			code int
		}{
			{"no such token", func(conf *rest.Config) {
				*conf = *rest.AnonymousClientConfig(conf)
				conf.BearerToken, conf.DisableCompression, conf.NextProtos = "nobody's", true, []string{"http/1.1"}
				if p == suite.HTTP2 {
					conf.NextProtos = []string{"h2"}
				}
			}, http.StatusUnauthorized},
			{"no right", func(conf *rest.Config) { conf.Impersonate.UserName = t.Name("nobody") }, http.StatusForbidden},
		} {
			c, err := t.NewClient(p, tt.edit)
			t.Check(err)
			ctx, cancel := context.WithTimeoutCause(t.ctx, patience, errNoAnswer)
			stream := half(ctx, configMap(t.Suite, "never-sent", map[string]string{"text": "half of this"}))
			a, err := c.Do(ctx, suite.Request{Method: http.MethodPost, Path: configMapsPath(t.Suite), Stream: stream})
			stream.w.Close()
			cancel()
			c.Close()
			switch {
			case err != nil:
				t.Errorf("%s, over %s: %v", tt.name, p, err)
			case a.Code != tt.code || a.Status.Kind != "Status":
				t.Errorf("%s, over %s: %s", tt.name, p, a)
			}
		}
	})
}

// stalledConnection has a client take nothing from its socket: no stream of it can be ended, and the connection goes as a
// whole, by the operator's bound.
func stalledConnection(t *T) {
	const (
		// Their windows, of 4 MB each, hold more than the buffers of sockets, and of a proxy between them.
		streams = 20

		// timeout is what a busy machine needs to fill those.
		timeout = 10 * time.Second
		batches = 2

		// health is when client-go itself closes a connection of which it hears nothing.
		health = 45 * time.Second
	)
	if batches*timeout+t.Config.StalledTimeout+time.Second > health {
		t.Skipf("a client closes such a connection itself, after %v, which is before a server with --stalled-connection-timeout=%v does", health, t.Config.StalledTimeout)
	}
	path := bigList(t)
	stall := &suite.Stall{}
	c, err := t.NewClient(suite.HTTP2, stall.Dial)
	t.Check(err)
	defer c.Close()
	defer stall.Go()
	before, err := t.Metrics()
	t.Check(err)
	// The connection is there when all ask at once.
	t.Must(c, suite.Request{Path: configMapsPath(t.Suite) + "?limit=1"}, http.StatusOK)
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	stall.Stop()
	// A server that is busy answers those that it has not come to with a 504, of which the socket takes any number: others
	// are asked for after them.
	for i := range batches * streams {
		all.Go(func() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(i/streams) * timeout):
			}
			if resp, _, err := c.Send(ctx, within(suite.Request{Path: path, Unrecorded: true}, timeout)); err == nil {
				resp.Body.Close()
			}
		})
	}
	if !t.Measured() {
		t.T.SkipNow()
	}
	const closed = "apiserver_stalled_connections_closed_total"
	err = t.Eventually(batches*timeout+t.Config.StalledTimeout+15*time.Second, func() error {
		m, err := t.Metrics()
		if err == nil && m.Sum(closed, nil) <= before.Sum(closed, nil) {
			err = fmt.Errorf("%s is still %g", closed, before.Sum(closed, nil))
		}
		return err
	})
	if err == nil {
		return
	}
	if t.Direct() {
		t.Fatalf("a client takes nothing from its socket, nothing is between here and the server, and: %v", err)
	}
	// No more is asked for. What is still held then is held by the connection.
	cancel()
	all.Wait()
	seatsAre(t, release, "after the deadlines of what a client has asked for that takes nothing from its socket", none)
	t.Skipf("what is between the suite and the server has taken all that the server sent: %v", err)
}
