package diagnose

import (
	"net/url"
	"strings"
	"time"
)

const (
	// keptRequests is how many requests are remembered whose records may contradict each other, and
	// passingRequests how many of the latest others, until their other record comes.
	keptRequests    = 50_000
	passingRequests = 16_384
)

// record is what was read of one request.
type record struct {
	id   string
	http httpLine
	at   time.Time // of its line in the HTTP log, or of its abort
	// lines, finals and aborts are how many were read of each.
	lines, finals, aborts int
	panicked              bool // says the log

	event             event // the final one
	received, started bool  // stages that were read
	receivedAt        time.Time
	several           bool // several requests of that audit ID, which clients may choose
	method            string
}

// requests are records by audit ID, of which a bounded number is kept. It is for one goroutine.
type requests struct {
	most          int // of kept
	kept, passing map[string]*record
	queue         []string // of passing, a ring
	next          int
	lost          int // that were to be kept
}

func newRequests() *requests {
	return &requests{most: keptRequests, kept: map[string]*record{}, passing: map[string]*record{}}
}

func (rs *requests) get(id string) *record {
	if r := rs.kept[id]; r != nil {
		return r
	}
	if r := rs.passing[id]; r != nil {
		return r
	}
	r := &record{id: id}
	if len(rs.queue) < passingRequests {
		rs.queue = append(rs.queue, id)
	} else {
		delete(rs.passing, rs.queue[rs.next])
		rs.queue[rs.next] = id
		rs.next = (rs.next + 1) % passingRequests
	}
	rs.passing[id] = r
	return r
}

// keep has a record not forgotten.
func (rs *requests) keep(r *record) {
	if rs.kept[r.id] != nil {
		return
	}
	if len(rs.kept) >= rs.most {
		rs.lost++
		return
	}
	rs.kept[r.id] = r
}

// seen notes the request that an event is of.
func (r *record) seen(e event) {
	if !r.receivedAt.IsZero() && !r.receivedAt.Equal(e.RequestReceivedTimestamp) {
		r.several = true
		r.received, r.started, r.finals = false, false, 0
	}
	r.receivedAt = e.RequestReceivedTimestamp
}

func (r *record) uri() string {
	if r.http.uri != "" {
		return r.http.uri
	}
	return r.event.RequestURI
}

// verb is as the HTTP log has it.
func (r *record) verb() string {
	if r.http.verb != "" {
		return r.http.verb
	}
	switch verb := strings.ToUpper(r.event.Verb); verb {
	case "":
		return r.method
	case "CREATE":
		return "POST"
	case "UPDATE":
		return "PUT"
	default:
		return verb
	}
}

func (r *record) agent() string {
	if r.http.agent != "" {
		return r.http.agent
	}
	return r.event.UserAgent
}

// who names those that send such requests: verb, path without its query, user if the audit log has it, and agent.
func (r *record) who() string {
	path, _, _ := strings.Cut(r.uri(), "?")
	who := r.verb() + " " + path
	if user := r.event.User.Username; user != "" {
		who += ", by " + user
	}
	if agent := r.agent(); agent != "" {
		agent, _, _ = strings.Cut(agent, " ")
		who += " (" + agent + ")"
	}
	return who
}

func (r *record) took() time.Duration {
	if r.lines > 0 {
		return r.http.latency
	}
	return r.event.took()
}

func isWatch(verb, uri string) bool {
	return strings.EqualFold(verb, "watch") || strings.Contains(uri, "watch=true") || strings.Contains(uri, "watch=1")
}

// longRunning says whether a request has no deadline, as kube-apiserver sees it.
func longRunning(verb, uri string) bool {
	if isWatch(verb, uri) || strings.EqualFold(verb, "connect") || strings.EqualFold(verb, "proxy") {
		return true
	}
	path, query, _ := strings.Cut(uri, "?")
	for _, part := range []string{"/exec", "/attach", "/portforward", "/proxy", "/log", "/watch/", "/debug/pprof"} {
		if strings.Contains(path+"/", part+"/") || strings.HasSuffix(part, "/") && strings.Contains(path, part) {
			return true
		}
	}
	return strings.Contains(query, "follow=true")
}

// deadline is when a request's time is over: ?timeout=, or the server's own. That of a mutation's handler, 34 s, begins
// later, and no filter enforces it.
func deadline(uri string, server time.Duration) time.Duration {
	_, query, _ := strings.Cut(uri, "?")
	if values, err := url.ParseQuery(query); err == nil {
		if t, err := time.ParseDuration(values.Get("timeout")); err == nil && t > 0 {
			return min(server, t)
		}
	}
	return server
}

// shortURI keeps of a long URI what is asked of it here.
func shortURI(uri string) string {
	if len(uri) <= maxText {
		return uri
	}
	path, query, _ := strings.Cut(uri, "?")
	kept := url.Values{}
	if values, err := url.ParseQuery(query); err == nil {
		for _, name := range []string{"timeout", "timeoutSeconds", "watch", "follow"} {
			if v := values.Get(name); v != "" {
				kept.Set(name, short(v))
			}
		}
	}
	return strings.Clone(short(path) + "?" + kept.Encode())
}

// watchTimeout is a watch's own, 0 if it has named none.
func watchTimeout(uri string) time.Duration {
	_, query, _ := strings.Cut(uri, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(values.Get("timeoutSeconds") + "s")
	if err != nil || d < 0 {
		return 0
	}
	return d
}
