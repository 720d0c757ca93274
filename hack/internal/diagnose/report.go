package diagnose

import (
	"fmt"
	"slices"
	"time"
)

// Report is what a Diagnosis has come to.
type Report struct {
	Sources []Source `json:"sources"`
	// Versions are the servers', as far as the logs say; Fork is set if there are some, and all are the fork's.
	Versions []string `json:"versions"`
	Fork     bool     `json:"fork"`
	// Findings are rows of the table of defects, the ones that end the process first.
	Findings []Finding `json:"findings"`
	// Unknown are crashes that are none of the rows.
	Unknown []Crash `json:"unknownCrashes"`
	// Notes say what limits the findings, and what is worth a look and no defect.
	Notes []string `json:"notes"`
}

// Finding is one thing that shows.
type Finding struct {
	// Rows are those of test/repro/README.md: the one that it is, or, if it is not certain, those that it may be. A
	// finding without is none of its own, but what a row needs.
	Rows []string `json:"rows"`
	// Certain says that nothing else is known to be written like this.
	Certain bool   `json:"certain"`
	What    string `json:"what"`
	// Count is of how many requests, crashes or lines, and Seen from when to when, in the server's time.
	Count int    `json:"count"`
	Seen  string `json:"seen,omitempty"`
	// Details are a line each.
	Details []string `json:"details,omitempty"`
	// Frames are those of a crash, from where it says what it is.
	Frames []string `json:"frames,omitempty"`
	// Who are the requests, most frequent first, and WhoAre says which, if not those that are counted.
	Who    []Who  `json:"who,omitempty"`
	WhoAre string `json:"whoAre,omitempty"`
	// AuditIDs are some of the requests'.
	AuditIDs []string `json:"auditIDs,omitempty"`
	// Since is the first release that is known to have it, and Fork what the fork does.
	Since string `json:"since,omitempty"`
	Fork  string `json:"fork"`
	Next  string `json:"next,omitempty"`
}

const (
	since       = "in v1.26 or before, and in every release since"
	shownWho    = 3
	shownFrames = 6
)

// Report comes to a conclusion of all that was read.
func (d *Diagnosis) Report() *Report {
	d.endShutdown()
	r := &Report{Sources: d.sources, Versions: append([]string{}, d.versions...), Findings: []Finding{}, Unknown: []Crash{}, Notes: []string{}}
	r.Fork = len(d.versions) > 0 && !slices.ContainsFunc(d.versions, func(v string) bool { return !forks(v) })
	t := d.judge()
	d.reportCrashes(r)
	d.reportRecords(r, t)
	d.reportTime(r)
	d.reportFlood(r)
	d.note(r, t)
	if r.Fork {
		for i := range r.Findings {
			f := &r.Findings[i]
			if len(f.Frames) > 0 {
				continue // Of a crash it is known which server it was.
			}
			if d.gateOff {
				f.Next = "this is the fork with its feature gate PerHandlerReadWriteTimeout off, which is upstream's behaviour: switch it on"
				continue
			}
			f.Next = reportIt
		}
	}
	return r
}

func (d *Diagnosis) reportCrashes(r *Report) {
	for _, c := range d.crashes {
		v := c.judge()
		if v.row == "" {
			c.Hint = c.hint()
			r.Unknown = append(r.Unknown, *c)
			continue
		}
		f := Finding{Rows: []string{v.row}, Certain: v.certain, Count: 1, Since: since, Seen: c.At,
			What: "THE PROCESS DIED: " + c.Line, Details: []string{v.what}, Frames: c.show(v, shownFrames)}
		if f.Seen != "" {
			f.Seen = "the last line of the log before it: " + f.Seen
		}
		switch v.row {
		case "D1":
			f.Fork = "ends it: warnings are not kept in the header map"
			f.Next = "it comes again with the next such request, and no flag of upstream's ends it. Run the fork (" + rollOut + "). Until then " + v.stop
			who, ids := d.suspected(c, v)
			if f.Who = who; len(who) > 0 {
				f.WhoAre = fmt.Sprintf("requests that timed out in its last %v, of which one was probably it", suspicion)
			} else {
				f.Details = append(f.Details, "the log does not say whose request it was: at -v=3 it names those that time out")
			}
			if d.events == 0 {
				f.Next += ". Give the audit log of the same time too: it names the users"
			}
			f.AuditIDs = ids
		default:
			f.Fork = "ends it: late calls get an error"
			f.Next = "the handler named above is to wait for what it starts; the fork withstands it (" + rollOut + ")"
		}
		if c.fork && (v.row == "D1" || !d.gateOff) {
			f.Next = reportIt
		}
		r.Findings = append(r.Findings, f)
	}
}

// rollOut is the room that says how to run the fork.
const rollOut = `OPERATING.md, "Roll it out and back"`

const reportIt = "THIS IS THE FORK, which is to end it: report it with this output and the files (SECURITY.md says where)"

// suspected are the requests that may have caused a crash, with the latest audit IDs.
func (d *Diagnosis) suspected(c *Crash, v verdict) (who []Who, ids []string) {
	var t tally
	seen := map[string]bool{}
	named := slices.ContainsFunc(c.suspects, func(s suspect) bool { return s.id != "" })
	for _, s := range slices.Backward(c.suspects) {
		if named && s.id == "" {
			continue // A second line about one that has been named.
		}
		if len(v.verbs) > 0 && !slices.Contains(v.verbs, s.verb) {
			continue
		}
		r := &record{id: s.id, method: s.verb}
		if known := d.requests.kept[s.id]; known != nil && s.id != "" {
			r = known
		}
		if s.id != "" {
			if seen[s.id] {
				continue
			}
			seen[s.id] = true
			if len(ids) < maxSamples {
				ids = append(ids, s.id)
			}
		}
		if r.uri() == "" {
			r.http.uri = s.path
		}
		t.add(s.at, "", r.who())
	}
	return t.top(shownWho), ids
}

// finding makes one of a tally, unless that is empty.
func finding(r *Report, t *tally, f Finding) {
	if t.n == 0 {
		return
	}
	f.Count, f.Seen, f.Who, f.AuditIDs = t.n, t.span(), t.top(shownWho), t.samples
	if f.Since == "" && len(f.Rows) > 0 {
		f.Since = since
	}
	r.Findings = append(r.Findings, f)
}

func (d *Diagnosis) reportRecords(r *Report, t *tallies) {
	bound := func(t *tally) (details []string) {
		if t.unsure > 0 {
			details = append(details, fmt.Sprintf("if --request-timeout is %v, which is taken for granted; next: say what it is, --request-timeout (make diagnose TIMEOUT=)", d.timeout))
		}
		return details
	}
	finding(r, &t.reset, Finding{Rows: []string{"D15"}, Certain: true,
		What: "clients that got a reset, or EOF, in place of the 504 that is in the records",
		Fork: "ends it: a complete 504"})
	finding(r, &t.cut, Finding{Rows: []string{"D24", "D16"},
		What:    "answers that were cut off at their deadline, and are successes in the records",
		Details: append(bound(&t.cut), "D16, if all of it had been written by then, and D24 otherwise: the records do not say"),
		Fork:    "ends it: what is whole is delivered, what is cut is recorded as aborted, a Failure with reason Timeout"})
	if r.Fork && !d.gateOff {
		// It writes such lines of what it had to cut, and records it as that.
		t.cutOr, t.cutOrGone = tally{}, tally{}
	}
	finding(r, &t.cutOr, Finding{Rows: []string{"D15", "D16", "D24"},
		What:    "answers that were cut off by a reset",
		Details: []string{"as a 504 (D15), or in the middle or at the end of another answer (D24, D16): the audit log says which, and so does the HTTP log, at -v=3", "the fork writes the same of an answer that it has to cut, as D24's, and records it as a failure"},
		Fork:    "ends D15 and D16; D24 is recorded as what it was",
		Next:    "give the audit log of the same time too"})
	finding(r, &t.cutOrGone, Finding{Rows: []string{"D24", "D16", "D23"},
		What:    "answers that were cut off, and are successes in the records",
		Details: []string{"D24 or D16, if it was at their deadline, D23, if their client had gone: the HTTP log says which, at -v=3"},
		Fork:    "ends them: what is whole is delivered, and of the others it is recorded that they were aborted, or that the client had gone"})
	finding(r, &t.gone, Finding{Rows: []string{"D23"}, Certain: t.gone.unsure == 0,
		What:    "requests whose client went before the deadline, and that are a success or a 504 in the records",
		Details: bound(&t.gone),
		Fork:    "ends it: ClientGone, in all records"})
	finding(r, &t.after, Finding{Rows: []string{"D22"}, Certain: t.after.unsure == 0,
		What:    "requests that got a 504 and have another status in the audit log, what their handler came to afterwards",
		Details: bound(&t.after),
		Fork:    "ends it: 504 in both"})
	finding(r, &t.panicked, Finding{Rows: []string{"D25"}, Certain: true,
		What: "requests whose handler panicked after their 504, which are a panic, 500, in the audit log",
		Fork: "ends it: 504 in both, the panic is noted"})
	finding(r, &t.unaudited, Finding{Rows: []string{"D27", "D32"},
		What:    "requests that got a 504 and have no final audit event",
		Details: []string{"D27, if authentication or authorization hung, D32, if the server was stopped; or their handlers were running where the files end"},
		Fork:    "ends it: an event with the answer"})
	finding(r, &t.nothing, Finding{Rows: []string{"E16", "E26"},
		What:    "requests that were answered with 200 and have status 0 in the HTTP log",
		Details: []string{"E26, if the handler ended by runtime.Goexit, as next to none does"},
		Fork:    "ends both"})
	finding(r, &t.nothingPanic, Finding{Rows: []string{"E18"}, Certain: true,
		What: "requests whose handler panicked, which get a 500, and that have status 0 in the HTTP log",
		Fork: "ends it: 500 (the panic is the handler's)"})
	finding(r, &t.nothingOr, Finding{Rows: []string{"E16", "E18"},
		What: "requests that have status 0 in the HTTP log",
		Fork: "ends it: the status that was sent",
		Next: "give the audit log of the same time too"})
	finding(r, &t.informational, Finding{Rows: []string{"E14", "D17"},
		What: "requests with an informational status (100, 103) for the one that was sent; D17, if the client got another than the handler gave",
		Fork: "ends both"})
	finding(r, &d.watchStages, Finding{Rows: []string{"WATCHES"}, Certain: true,
		What:  "audit events of watches that come twice, or after the last one: APIServingWithRoutine",
		Since: "the releases that have the feature gate APIServingWithRoutine",
		Fork:  "ends it: recorded once, when it is over"})
	finding(r, &d.watchPanics, Finding{Rows: []string{"WATCHES"}, Certain: true,
		What: "proxied watches whose client went, and that are a panic, 500, in the audit log",
		Fork: "ends it: ClientGone, with the status that was sent"})
	finding(r, &d.lostEvents, Finding{Rows: []string{"D32"}, Certain: true,
		What: "times that audit events came after the end of the shutdown, and were lost",
		Fork: "ends it: the shutdown waits for them, 10 s after the answer at most"})
	finding(r, &d.committed, Finding{Rows: []string{"D26"}, Certain: true,
		What:    "mutations that were carried out after their clients had been told that they timed out, of which no audit event says so",
		Details: []string{"dry runs, which store nothing, are among them, if there were any"},
		Fork:    "the event says that the outcome is unknown, and a record what it came to"})
}

func (d *Diagnosis) reportTime(r *Report) {
	watch := &d.watchLog
	if d.httpLines == 0 {
		watch = &d.watchAudit
	}
	var details []string
	if len(d.levels) > 0 {
		var levels tally
		levels.who = d.levels
		for _, w := range levels.top(shownWho) {
			details = append(details, fmt.Sprintf("seats of the priority level %s: %d", w.Request, w.Count))
		}
	}
	finding(r, &d.held, Finding{Rows: []string{"D5"}, Certain: d.held.unsure == 0,
		What:    fmt.Sprintf("requests that were held, with their seats, for up to %v after their deadline, as by clients that do not read", d.held.longest.Round(time.Millisecond)),
		Details: details,
		Fork:    "ends it: released at the deadline"})
	finding(r, watch, Finding{Rows: []string{"D7"}, Certain: true,
		What: fmt.Sprintf("watches that stayed for up to %v after their own timeoutSeconds, as with clients that do not read", watch.longest.Round(time.Millisecond)),
		Fork: "ends it: 10 s after it at most, and --watch-write-timeout before"})
	finding(r, &d.elapsed, Finding{Rows: []string{"D9"}, Certain: true,
		What: fmt.Sprintf("mutations that worked on, without a seat, for up to %v after their answer", d.elapsed.longest.Round(time.Millisecond)),
		Fork: "ends it: the seat is held until the work returns"})
	finding(r, &d.slow, Finding{Rows: []string{"D31"}, Certain: d.known,
		What: fmt.Sprintf("shutdowns that waited for requests longer than any may take, %v", d.slow.longest.Round(time.Second)),
		Fork: "ends it: it is over with the requests' deadlines"})
}

func (d *Diagnosis) reportFlood(r *Report) {
	if r.Fork && !d.gateOff {
		return // Handlers that go on are told so, and touch nothing.
	}
	if d.overdue+d.returned > 0 {
		return // Only the fork logs those.
	}
	details := []string{fmt.Sprintf("%d a minute at the worst", d.flood.worst())}
	if d.flood.longest >= goesOn {
		details = append(details, fmt.Sprintf("the longest went on, in its seat, for %v", d.flood.longest.Round(time.Millisecond)))
	}
	finding(r, &d.flood, Finding{Rows: []string{},
		What:    `lines ("http: Handler timeout", "Post-timeout activity") of handlers that went on after their 504: no defect of its own, but what D1 needs to kill the process`,
		Details: details,
		Fork:    "such a handler touches nothing that is not its own, and one line names its request when it returns, if it has done something",
		Next:    "find out why these requests run out of time: a slow webhook, a slow etcd, a client with a short ?timeout="})
}

func (d *Diagnosis) note(r *Report, t *tallies) {
	notef := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	if d.more > 0 {
		notef("%d more crashes were not looked at", d.more)
	}
	if d.requests.lost > 0 {
		notef("the records of %d requests were not compared: more than %d may contradict each other", d.requests.lost, d.requests.most)
	}
	if t.ambiguous > 0 {
		notef("the records of %d audit IDs were not compared: several requests have them, which clients can do", t.ambiguous)
	}
	if n := d.overdue - d.returned; d.overdue > 0 && d.returned == 0 {
		notef("%d lines of handlers that are overdue, which the fork reports; none has returned: each holds a seat. Next: kubectl get --raw /debug/api_deadline/overdue of that server (--server), and what they wait for", n)
	}
	if some := slices.ContainsFunc(d.versions, forks); some && !r.Fork {
		notef("both the fork and servers without it have written these files; next: give those of one server at a time")
	}
	switch {
	case d.httpLines+d.aborts.n > 0 && d.events == 0:
		notef("no audit event was read: what the records say of one request cannot be compared; next: give the audit log of the same time too")
	case d.httpLines == 0 && d.events > 0:
		notef("no line of the HTTP log was read (it is there at -v=3 and above): what the records say of one request cannot be compared; next: give a log of the same time that has it")
	}
}

// Recognised says whether anything of a source was.
func (s Source) Recognised() bool { return s.Log+s.Crash+s.Audit > 0 }
