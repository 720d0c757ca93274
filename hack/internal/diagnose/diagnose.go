// Package diagnose says which of the known defects (test/repro/README.md) show in what a kube-apiserver has left: its
// log, its crash, its audit log. It claims only what was seen to be written by an unmodified server that had the defect
// (testdata, made by package fixtures), and says so where that leaves a choice.
package diagnose

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/test/crashlog"
)

// DefaultRequestTimeout is kube-apiserver's --request-timeout, if nobody says otherwise.
const DefaultRequestTimeout = time.Minute

// Options say what the files do not.
type Options struct {
	// RequestTimeout is the server's --request-timeout. 0 means what the log says of it (at -v=1 and above, at the
	// server's start), and otherwise DefaultRequestTimeout.
	RequestTimeout time.Duration
}

// Diagnosis reads files and comes to a Report. It holds a bounded amount of memory, some 200 MB at most, whatever it
// reads. It is for one goroutine.
type Diagnosis struct {
	opts    Options
	sources []Source

	version  string   // of the server that has written what is being read
	versions []string // all
	gateOff  bool
	timeout  time.Duration
	known    bool // the timeout is
	lastAt   time.Time
	crash    *crashReader
	crashes  []*Crash
	more     int // crashes that are not kept
	requests *requests
	suspects []suspect // the latest, a ring
	suspect  int

	httpLines, events int

	// What was found line by line.
	flood, aborts, elapsed, committed, lostEvents, watchStages, watchPanics tally
	held, watchLog, watchAudit                                              tally
	overdue, returned                                                       int
	levels                                                                  map[string]int // of held requests
	shutdown                                                                shutdown
	slow                                                                    tally // shutdowns
}

// Source is a file that was read.
type Source struct {
	Name string `json:"name"`
	// Lines are all lines; Log, Crash and Audit those that were known as a server's log (with its HTTP log), its
	// crash, and its audit events. What is none may belong to an entry of several lines.
	Lines int `json:"lines"`
	Log   int `json:"log"`
	Crash int `json:"crash"`
	Audit int `json:"audit"`
}

// suspect is a request that has timed out.
type suspect struct {
	at   time.Time
	id   string // "" if the log does not say
	verb string
	path string
}

const (
	maxSuspects = 256
	maxCrashes  = 100
)

type shutdown struct{ begun, drained time.Time }

// New returns a Diagnosis of nothing yet.
func New(opts Options) *Diagnosis {
	d := &Diagnosis{opts: opts, requests: newRequests(), levels: map[string]int{}, timeout: DefaultRequestTimeout}
	if opts.RequestTimeout > 0 {
		d.timeout, d.known = opts.RequestTimeout, true
	}
	return d
}

// Read reads a log, a crash, an audit log, or a mixture, also one that gzip has packed or a container engine has
// wrapped. Logs are better read before audit logs. The error says why it could not be read to its end; what was read
// until then counts.
func (d *Diagnosis) Read(name string, r io.Reader) error {
	s := Source{Name: name}
	d.version = ""
	defer func() {
		d.endCrash(&s)
		d.sources = append(d.sources, s)
	}()
	lines, err := newLines(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var u unwrapper
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s, after %d lines: %w", name, s.Lines, err)
		}
		s.Lines++
		if line, whole := u.unwrap(line); whole {
			d.line(&s, line)
		}
	}
}

func (d *Diagnosis) line(s *Source, line []byte) {
	if e, ok := parseText(line); ok {
		d.endCrash(s)
		s.Log++
		d.entry(e)
		return
	}
	if len(line) > 0 && line[0] == '{' {
		if e, ok := parseEvent(line); ok {
			s.Audit++
			d.event(e)
			return
		}
		if e, ok := parseJSON(line); ok {
			d.endCrash(s)
			s.Log++
			d.entry(e)
			return
		}
	}
	switch {
	case d.crash != nil && d.crash.read(line):
	case d.crash == nil && crashlog.Begins(line):
		c := &Crash{Line: clip(line), First: []string{clip(line)}, At: when(d.lastAt), fork: forks(d.version)}
		d.crash = newCrashReader(c)
		for _, x := range d.suspects {
			if d.lastAt.Sub(x.at) <= suspicion && !x.at.After(d.lastAt) {
				c.suspects = append(c.suspects, x)
			}
		}
	default:
		if d.crash != nil && !d.crash.stack.Begun() {
			d.crash = nil
		}
	}
}

// suspicion is for how long before a crash requests that time out are suspected of it: the server ends at once, but
// klog writes what it has logged a little later.
const suspicion = 2 * time.Second

// endCrash is called where a crash can go on no more.
func (d *Diagnosis) endCrash(s *Source) {
	if d.crash == nil {
		return
	}
	if d.crash.stack.Begun() {
		s.Crash += d.crash.lines + 1
		if len(d.crashes) < maxCrashes {
			d.crash.c.Frames = d.crash.stack.Frames
			d.crashes = append(d.crashes, d.crash.c)
		} else {
			d.more++
		}
	}
	d.crash = nil
}

func (d *Diagnosis) suspectIt(x suspect) {
	x.path, _, _ = strings.Cut(short(x.path), "?")
	x.verb = short(x.verb)
	if len(d.suspects) < maxSuspects {
		d.suspects = append(d.suspects, x)
		return
	}
	d.suspects[d.suspect] = x
	d.suspect = (d.suspect + 1) % maxSuspects
}

// finisher is what upstream logs of the work of a mutation that has come to its end after its answer.
var finisher = regexp.MustCompile(`^FinishRequest: post-timeout activity - time-elapsed: ([^,]+), panicked: (true|false), err: (.*), panic-reason: `)

// goesOn is how long work that goes on after its request is worth mention.
const goesOn = time.Second

func (d *Diagnosis) entry(e entry) {
	d.lastAt = e.at
	switch {
	case e.msg == "HTTP":
		if h, ok := e.http(); ok {
			d.http(e.at, h)
		}
	case e.msg == "Timeout or abort while handling":
		d.abort(e)
	case e.msg == "Post-timeout activity":
		d.flood.add(e.at, "", short(e.pairs["method"]+" "+e.pairs["path"]))
		if took, err := duration(e.pairs["timeElapsed"]); err == nil {
			d.flood.took(took)
			d.suspectIt(suspect{at: e.at.Add(-took), verb: e.pairs["method"], path: e.pairs["path"]})
		}
	case strings.Contains(e.msg, "http: Handler timeout"):
		d.flood.add(e.at, "", "")
	case strings.HasPrefix(e.msg, "FinishRequest: post-timeout activity - "):
		m := finisher.FindStringSubmatch(e.msg)
		if m == nil {
			return
		}
		took, err := duration(m[1])
		if err == nil && took >= goesOn {
			d.elapsed.add(e.at, "", "")
			d.elapsed.took(took)
		}
		if m[2] == "false" && m[3] == "<nil>" {
			d.committed.add(e.at, "", "")
		}
	case e.msg == "apiserver panic'd":
		r := d.requests.get(truncated(e.pairs["auditID"]))
		r.panicked = true
		d.requests.keep(r)
	case strings.HasPrefix(e.msg, "Error in audit plugin ") && strings.Contains(e.msg, "audit backend shut down"):
		d.lostEvents.add(e.at, "", "")
	case e.msg == "Request handler is overdue":
		d.overdue++
	case e.msg == "Overdue request handler returned":
		d.returned++
	case strings.HasPrefix(e.msg, "[graceful-termination]"):
		d.terminating(e)
	case strings.HasPrefix(e.msg, "Version: v"):
		version, _, _ := strings.Cut(short(strings.TrimPrefix(e.msg, "Version: ")), " ")
		d.starts(version)
	case strings.HasPrefix(e.msg, "FLAG: --"):
		d.flag(strings.TrimPrefix(e.msg, "FLAG: --"))
	}
}

// maxVersions bounds how many are told of.
const maxVersions = 20

// starts is called where a server says its version, which it does first of all.
func (d *Diagnosis) starts(version string) {
	d.endShutdown()
	if d.version = version; len(d.versions) < maxVersions && !slices.Contains(d.versions, version) {
		d.versions = append(d.versions, version)
	}
}

// forks says whether a version is the fork's.
func forks(version string) bool { return strings.Contains(version, build.VersionMark) }

func (d *Diagnosis) flag(f string) {
	name, value, _ := strings.Cut(f, "=")
	value = strings.Trim(value, `"`)
	switch name {
	case "request-timeout":
		if t, err := duration(value); err == nil && t > 0 && d.opts.RequestTimeout == 0 {
			d.timeout, d.known = t, true
		}
	case "feature-gates":
		d.gateOff = strings.Contains(value, "PerHandlerReadWriteTimeout=false")
	}
}

// terminating follows a shutdown.
func (d *Diagnosis) terminating(e entry) {
	switch {
	case strings.Contains(e.msg, "waiting for shutdown to be initiated"):
		d.endShutdown()
	case e.pairs["name"] == "NotAcceptingNewRequest":
		d.endShutdown()
		d.shutdown.begun = e.at
	case e.pairs["name"] == "InFlightRequestsDrained":
		d.shutdown.drained = e.at
		d.endShutdown()
	}
}

// overtime is how much longer than the longest request a shutdown may take.
const overtime = 11 * time.Second

func (d *Diagnosis) endShutdown() {
	s := d.shutdown
	d.shutdown = shutdown{}
	if s.begun.IsZero() {
		return
	}
	end := s.drained
	if end.IsZero() {
		end = d.lastAt
	}
	if took := end.Sub(s.begun); took > d.timeout+overtime {
		d.slow.add(s.begun, "", "")
		d.slow.took(took)
	}
}

const (
	// late is how long after its deadline a request is held, and slack how much earlier than that its latency
	// may end: the two are not measured by the same clock.
	late  = 5 * time.Second
	slack = 5 * time.Millisecond
	// lateWatch is late for a watch, of which the fork waits for a last write.
	lateWatch = 12 * time.Second
)

func (d *Diagnosis) http(at time.Time, h httpLine) {
	d.httpLines++
	r := d.requests.get(h.id)
	r.lines++
	r.http, r.at = h, at
	if isWatch(h.verb, h.uri) {
		if t := watchTimeout(h.uri); t > 0 && h.latency > t+lateWatch {
			d.watchLog.add(at, h.id, r.who())
			d.watchLog.took(h.latency - t)
		}
		return
	}
	if longRunning(h.verb, h.uri) {
		return
	}
	if t := deadline(h.uri, d.timeout); h.latency > t+late && !h.hijacked {
		d.held.add(at, h.id, r.who())
		d.held.took(h.latency - t)
		if !d.sure(h.uri, true) {
			d.held.unsure++
		}
		if h.level != "" && len(d.levels) < maxWho {
			d.levels[h.level]++
		}
	}
	if h.code == 504 {
		d.suspectIt(suspect{at, h.id, h.verb, h.uri})
	}
	if (h.code == 504 || h.code < 200) && !h.hijacked {
		d.requests.keep(r)
	}
}

func (d *Diagnosis) abort(e entry) {
	id := truncated(e.pairs["auditID"])
	if id == "" {
		return
	}
	r := d.requests.get(id)
	r.aborts++
	if r.lines == 0 {
		r.http.uri, r.method, r.at = shortURI(e.pairs["URI"]), short(e.pairs["method"]), e.at
	}
	d.aborts.add(e.at, "", "")
	d.requests.keep(r)
	d.suspectIt(suspect{e.at, id, e.pairs["method"], e.pairs["URI"]})
}

func (d *Diagnosis) event(e event) {
	d.events++
	r := d.requests.get(e.AuditID)
	r.seen(e)
	watch := isWatch(e.Verb, e.RequestURI)
	switch e.Stage {
	case "RequestReceived":
		r.received = true
	case "ResponseStarted":
		if watch && (r.started || r.finals > 0) {
			d.watchStages.add(e.StageTimestamp, e.AuditID, eventWho(e))
		}
		r.started = true
	}
	if !e.final() {
		return
	}
	r.finals++
	if watch && r.finals > 1 {
		d.watchStages.add(e.StageTimestamp, e.AuditID, eventWho(e))
	}
	if r.event = e; e.ResponseStatus == nil {
		return
	}
	code := e.ResponseStatus.Code
	if watch {
		if e.Stage == "Panic" && r.started && strings.Contains(e.ResponseStatus.Message, "net/http: abort Handler") {
			d.watchPanics.add(e.StageTimestamp, e.AuditID, eventWho(e))
		}
		if t := watchTimeout(e.RequestURI); t > 0 && e.took() > t+lateWatch {
			d.watchAudit.add(e.StageTimestamp, e.AuditID, eventWho(e))
			d.watchAudit.took(e.took() - t)
		}
		return
	}
	if code == 504 || code > 0 && code < 200 && code != 101 || e.Stage == "Panic" {
		d.requests.keep(r)
	}
}

func eventWho(e event) string { return (&record{event: e}).who() }
