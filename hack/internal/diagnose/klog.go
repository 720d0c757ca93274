package diagnose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// entry is what a server has logged at once, in klog's text or in JSON.
type entry struct {
	at   time.Time // without a year if it is text
	file string    // of the server's source, with its line
	// msg is the message. Of an "Unhandled Error" it is the error.
	msg string
	// pairs are what was logged with it, as text.
	pairs map[string]string
}

var klogHeader = regexp.MustCompile(`^[IWEF](\d{4} \d\d:\d\d:\d\d\.\d{6}) +\d+ ([^ \]]+:\d+)\] ?`)

// parseText parses the first line of an entry in klog's text.
func parseText(line []byte) (entry, bool) {
	if len(line) < 30 || line[0] < 'E' || line[0] > 'W' {
		return entry{}, false
	}
	m := klogHeader.FindSubmatchIndex(line)
	if m == nil {
		return entry{}, false
	}
	at, err := time.Parse("0102 15:04:05.000000", string(line[m[2]:m[3]]))
	if err != nil {
		return entry{}, false
	}
	e := entry{at: at, file: string(line[m[4]:m[5]])}
	rest := line[m[1]:]
	if len(rest) == 0 || rest[0] != '"' {
		e.msg = string(rest)
		return e, true
	}
	msg, rest, ok := quoted(rest)
	if !ok {
		e.msg = string(rest)
		return e, true
	}
	e.msg, e.pairs = msg, pairs(rest)
	e.unhandled()
	return e, true
}

// unhandled has the error of an "Unhandled Error" stand for the message.
func (e *entry) unhandled() {
	if e.msg == "Unhandled Error" && e.pairs["err"] != "" {
		e.msg = e.pairs["err"]
	}
}

// quoted takes a quoted string from the beginning.
func quoted(b []byte) (s string, rest []byte, ok bool) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			s, err := strconv.Unquote(string(b[:i+1]))
			return s, b[i+1:], err == nil
		}
	}
	return "", b, false
}

// pairs parses key=value, as klog writes it, up to what is no such thing: a value of several lines, which it
// writes as =<, is left out with all that follows.
func pairs(b []byte) map[string]string {
	all := map[string]string{}
	for len(all) < 64 {
		b = bytes.TrimLeft(b, " ")
		i := bytes.IndexByte(b, '=')
		if i <= 0 {
			break
		}
		key := string(b[:i])
		b = b[i+1:]
		if len(b) > 0 && b[0] == '"' {
			value, rest, ok := quoted(b)
			if !ok {
				break
			}
			all[key], b = value, rest
			continue
		}
		end := bytes.IndexByte(b, ' ')
		if end < 0 {
			end = len(b)
		}
		all[key], b = string(b[:end]), b[end:]
	}
	return all
}

// parseJSON parses an entry of --logging-format=json.
func parseJSON(line []byte) (entry, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil || fields["ts"] == nil || fields["msg"] == nil {
		return entry{}, false
	}
	e := entry{pairs: map[string]string{}}
	for key, raw := range fields {
		if len(e.pairs) > 64 {
			break
		}
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		e.pairs[key] = s
	}
	e.msg, e.file = e.pairs["msg"], e.pairs["caller"]
	if i := strings.LastIndexByte(e.file, '/'); i >= 0 {
		e.file = e.file[i+1:]
	}
	if ms, err := strconv.ParseFloat(e.pairs["ts"], 64); err == nil && ms > 0 && ms < 1e14 {
		e.at = time.UnixMicro(int64(ms * 1000)).UTC()
	} else {
		return entry{}, false // etcd's client, for one, has a time that reads as text.
	}
	e.unhandled()
	return e, true
}

// httpLine is what a line of the HTTP log says.
type httpLine struct {
	id, verb, uri, agent string
	latency              time.Duration
	code                 int
	// ended is the fork's: how, if not as the handler had it.
	ended string
	// hijacked requests have no code.
	hijacked bool
	level    string // of API Priority and Fairness
}

func (e entry) http() (h httpLine, ok bool) {
	if e.msg != "HTTP" || e.pairs["verb"] == "" {
		return h, false
	}
	h = httpLine{id: truncated(e.pairs["audit-ID"]), verb: short(e.pairs["verb"]), uri: shortURI(e.pairs["URI"]), agent: short(e.pairs["userAgent"]),
		ended: short(e.pairs["ended"]), hijacked: e.pairs["hijacked"] == "true", level: short(e.pairs["apf_pl"])}
	var err error
	if h.latency, err = duration(e.pairs["latency"]); err != nil || h.id == "" {
		return h, false
	}
	if h.hijacked {
		return h, true
	}
	h.code, err = strconv.Atoi(e.pairs["resp"])
	return h, err == nil
}

// duration parses what Go prints of one. JSON has it so too.
func duration(s string) (time.Duration, error) {
	if s == "" {
		return 0, fmt.Errorf("no duration")
	}
	return time.ParseDuration(s)
}
