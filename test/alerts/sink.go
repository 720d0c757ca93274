package alerts

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// auditPolicy has a get of a configmap wait for its first event, inside the handler, and one of a secret for its last, which is
// when the handler is done. No look is among what is audited.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
  verbs: [get]
  resources: [{group: "", resources: [configmaps], resourceNames: [small]}]
- level: Metadata
  omitStages: [RequestReceived]
  verbs: [get]
  resources: [{group: "", resources: [secrets], resourceNames: [small]}]
- level: None
`

const goodPolicy = `apiVersion: deadline.apiserver.config.k8s.io/v1alpha1
kind: DeadlinePolicy
rules:
- {name: leases, verbs: [get, update], apiGroups: [coordination.k8s.io], resources: [leases], timeout: 5s}
`

// policyFile is the path of a deadline policy.
type policyFile string

// write changes it by a rename, as operators are told to.
func (f policyFile) write(content string) error {
	tmp := string(f) + ".new"
	if err := os.WriteFile(tmp, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, string(f))
}

// sink is an audit log that can be told to take nothing: a pipe with a name.
type sink struct {
	path  string
	pipe  *os.File
	reads bool
	done  sync.WaitGroup // what reads
}

// newSink makes one, which is read.
func newSink(dir string) (*sink, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "audit.pipe")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// Both ends: it is open for the server's whole life, and can be filled.
	pipe, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s := &sink{path: path, pipe: pipe}
	s.goOn()
	return s, nil
}

// goOn has the pipe be read, if it is not.
func (s *sink) goOn() {
	if s.reads {
		return
	}
	s.reads = true
	_ = s.pipe.SetReadDeadline(time.Time{})
	s.done.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{s.pipe}) })
}

// stop has it be read no more, and fills it.
func (s *sink) stop() error {
	if err := s.pipe.SetReadDeadline(time.Now()); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	s.done.Wait()
	s.reads = false
	if err := s.pipe.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	for {
		if _, err := s.pipe.Write(make([]byte, 4096)); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (s *sink) close() {
	s.pipe.Close()
	s.done.Wait()
	_ = os.Remove(s.path)
}
