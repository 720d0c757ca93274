package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/traffic"
)

// auditSink is a webhook that takes audit events.
type auditSink struct {
	server *httptest.Server
	taken  atomic.Int64 // requests with events

	mu     sync.Mutex
	status int           // what it answers; 0 is nothing, until hung is closed
	hung   chan struct{} // not nil while it hangs
}

// takesAudit has the server send its audit events to a webhook too, and wait for its answer.
func takesAudit(r *run, c *cluster.Config) error {
	s := &auditSink{status: http.StatusOK}
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.Config.SetKeepAlivesEnabled(false) // A connection that the server keeps for later looks like a leak.
	s.server.StartTLS()
	r.sink = s
	r.cleanup(func() {
		s.answer(http.StatusOK)
		s.server.CloseClientConnections()
		s.server.Close()
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	conf, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "sink",
		"clusters": []object{{"name": "sink", "cluster": object{"server": s.server.URL, "certificate-authority-data": ca}}},
		"contexts": []object{{"name": "sink", "context": object{"cluster": "sink"}}},
	})
	if err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(r.dir, "audit-webhook.kubeconfig"))
	if err != nil {
		return err
	}
	c.ExtraArgs = append(c.ExtraArgs, "--audit-webhook-config-file="+path, "--audit-webhook-mode=blocking", "--audit-webhook-initial-backoff=100ms")
	return os.WriteFile(path, conf, 0o600)
}

// answer has it answer with the status from now on, also to who waits; 0 has it hang.
func (s *auditSink) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hung != nil {
		close(s.hung)
		s.hung = nil
	}
	if s.status = status; status == 0 {
		s.hung = make(chan struct{})
	}
}

// ServeHTTP takes events, or does not.
func (s *auditSink) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.taken.Add(1)
	io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	status, hung := s.status, s.hung
	s.mu.Unlock()
	if hung != nil {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
		status = http.StatusOK
	}
	rw.WriteHeader(status)
}

// auditAnswers has the sink answer so, while requests of each sort are sent. Their answers are whole, in time.
func auditAnswers(status int) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		taken := r.sink.taken.Load()
		r.sink.answer(status)
		defer r.sink.answer(http.StatusOK)
		r.audited(ctx, 8*time.Second)
		if r.sink.taken.Load() == taken {
			return errors.New("no audit event was sent: nothing was tried")
		}
		return nil
	}
}

// audited sends requests that read, write and time out, for so long.
func (r *run) audited(ctx context.Context, d time.Duration) {
	const timeout = 2 * time.Second
	sorts := []func() traffic.Request{
		func() traffic.Request {
			return traffic.Request{Method: "GET", Path: traffic.ConfigMaps(calmly) + "/kept-00", Timeout: timeout}
		},
		func() traffic.Request {
			return traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile) + "?dryRun=All", Body: traffic.NewMap(), Timeout: timeout}
		},
		func() traffic.Request { return hooked("hangs", timeout) },
	}
	var n atomic.Int64
	for _, x := range r.sendFor(ctx, 6, d, func(string) traffic.Request { return sorts[n.Add(1)%int64(len(sorts))]() }) {
		r.clients.Answered(x, http.StatusOK, http.StatusCreated, http.StatusGatewayTimeout)
	}
}

// tinyDisk is a file system that can be full.
type tinyDisk struct{ dir string }

const (
	tinyBytes = 4 << 20
	fillName  = "fill"
)

// log is where the audit log is on it.
func (d *tinyDisk) log() string { return filepath.Join(d.dir, "audit.log") }

// hasTinyDisk has the audit log on a file system of its own.
func hasTinyDisk(r *run, c *cluster.Config) error {
	dir, err := filepath.Abs(filepath.Join(r.dir, "disk"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unmount, err := mountTiny(dir, tinyBytes)
	if err != nil {
		return err
	}
	r.cleanup(unmount)
	r.full = &tinyDisk{dir}
	c.ExtraArgs = append(c.ExtraArgs, "--audit-log-path="+r.full.log())
	return nil
}

// fillsDisk has the audit log's disk be full, while requests of each sort are sent.
func fillsDisk(ctx context.Context, r *run) error {
	fill := filepath.Join(r.full.dir, fillName)
	err := os.WriteFile(fill, make([]byte, 2*tinyBytes), 0o600)
	if err == nil {
		return errors.New("a file has found place that is larger than the disk")
	}
	defer os.Remove(fill)
	size := func() int64 {
		info, err := os.Stat(r.full.log())
		if err != nil {
			return -1
		}
		return info.Size()
	}
	r.audited(ctx, time.Second)
	full := size()
	r.audited(ctx, 4*time.Second)
	if size() != full {
		return fmt.Errorf("the audit log has grown from %d to %d bytes: the disk was not full", full, size())
	}
	return os.Remove(fill)
}

// validEvents copies the whole events of an audit log, of which a line may have been cut, and the next one follow it.
func validEvents(from, to string) (string, error) {
	data, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Bytes()
		if i := bytes.LastIndex(line, []byte(`{"kind":"Event"`)); i > 0 {
			line = line[i:]
		}
		if json.Valid(line) {
			out.Write(line)
			out.WriteByte('\n')
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return to, os.WriteFile(to, out.Bytes(), 0o600)
}

var auditFaults = []fault{
	{id: "audit-webhook-hangs", what: "the audit webhook, which is waited for, takes events and does not answer",
		conf: takesAudit, inject: auditAnswers(0), unmodifiedFails: true, others: []int{http.StatusGatewayTimeout}, onlyEnds: true, recovers: time.Minute},
	{id: "audit-webhook-fails", what: "the audit webhook answers 500",
		conf: takesAudit, inject: auditAnswers(http.StatusInternalServerError), onlyEnds: true, recovers: time.Minute},
	{id: "audit-disk-full", what: "the disk of the audit log is full",
		conf: hasTinyDisk, inject: fillsDisk, unrecorded: true},
}
