package diagnose

import (
	"strings"

	"fork.internal/apiserver/test/crashlog"
)

const (
	maxFrames = 200
	maxFirst  = 20 // lines of a crash that are kept as they are
	maxWidth  = 300
	// awaited is how many lines may stand between a crash's first line and its first goroutine.
	awaited = 20
)

// Crash is a Go program's own account of its end, as far as it is read: the goroutine that it prints first, which is
// the only one unless GOTRACEBACK asks for more.
type Crash struct {
	// Line is the first line.
	Line string `json:"line"`
	// Frames are the goroutine's, innermost first: function (file:line).
	Frames []string `json:"frames,omitempty"`
	// First are the crash's first lines, as they stand there.
	First []string `json:"firstLines"`
	// At is when the server logged something last before it, "" if it did not.
	At string `json:"at,omitempty"`
	// Hint is what is known of it if it is none of the rows.
	Hint string `json:"hint,omitempty"`

	suspects []suspect
	fork     bool // it was the fork that crashed
}

// crashReader follows a crash, line by line.
type crashReader struct {
	c     *Crash
	lines int
	stack crashlog.Stack
}

func newCrashReader(c *Crash) *crashReader {
	return &crashReader{c: c, stack: crashlog.Stack{Most: maxFrames}}
}

func clip(line []byte) string {
	if len(line) > maxWidth {
		line = line[:maxWidth]
	}
	return strings.ToValidUTF8(string(line), "?")
}

// read takes a line, and says whether it is the crash's.
func (r *crashReader) read(line []byte) bool {
	r.lines++
	if len(r.c.First) < maxFirst {
		r.c.First = append(r.c.First, clip(line))
	}
	text := clip(line)
	if strings.HasPrefix(text, "created by ") {
		text, _, _ = strings.Cut(text, " in goroutine")
	}
	r.stack.Read(text)
	return r.stack.Begun() || r.lines <= awaited // Or it was something else that began like one.
}

// find is the first frame, from there on, that has one of parts, or -1.
func (c *Crash) find(from int, parts ...string) int {
	for i := max(from, 0); i < len(c.Frames); i++ {
		for _, part := range parts {
			if strings.Contains(c.Frames[i], part) {
				return i
			}
		}
	}
	return -1
}

// verdict is what a crash is.
type verdict struct {
	row     string // "" if it is none that is known
	certain bool
	what    string
	stop    string // what to stop until the fork runs
	shown   int    // the frame to begin with
	verbs   []string
}

// stopUser is what to stop where no more is known than that somebody sent a request.
const stopUser = "stop who sends such requests, or take their rights"

// sources are who may add a warning, by a frame below AddWarning, and what can be stopped. Each was seen to kill a server.
var sources = []struct {
	frame, what, stop string
	verbs             []string
}{
	{"handlers.addStrictDecodingWarnings", "the decoding of its body, of unknown or repeated fields (fieldValidation=Warn, the default)", stopUser, nil},
	{"admission/plugin/policy/validating.", "a ValidatingAdmissionPolicy with the action Warn", "take Warn out of the validationActions of the bindings of that policy", nil},
	{"admission/plugin/webhook/", "an admission webhook that answered with warnings", "have that webhook answer without warnings, or take its configuration out", nil},
	{"registry/rest.BeforeCreate", "the checks of the object to be created, as its kind has them", stopUser, []string{"POST", "PATCH", "PUT"}},
}

// judge says what a crash is.
func (c *Crash) judge() verdict {
	switch {
	case strings.HasPrefix(c.Line, "fatal error: concurrent map "):
		return c.judgeMap()
	case strings.HasPrefix(c.Line, "panic: Write called after Handler finished") && c.find(0, "http2.(*responseWriter).write") >= 0:
		return verdict{row: "D2", certain: true, shown: c.find(0, "http2.(*responseWriter).write"),
			what: "A goroutine that a handler had left behind wrote to the response after the handler's return: " + c.outside()}
	case strings.HasPrefix(c.Line, "panic: runtime error: invalid memory address") && c.find(0, "http2.(*responseWriter).SetWriteDeadline") >= 0:
		return verdict{row: "D3", certain: true, shown: c.find(0, "http2.(*responseWriter).SetWriteDeadline"),
			what: "A goroutine that a handler had left behind set the response's deadline after the handler's return: " + c.outside()}
	}
	return verdict{}
}

// outside is the innermost frame that is not of the libraries that carry a response.
func (c *Crash) outside() string {
	from := c.find(0, "http2.(*responseWriter)")
	for _, f := range c.Frames[max(from, 0):] {
		name, _, _ := strings.Cut(f, " ")
		known := false
		for _, lib := range []string{"golang.org/x/net/http2.", "net/http.", "io.", "fmt.", "runtime.", "k8s.io/apiserver/pkg/", "go.opentelemetry.io/", "github.com/felixge/httpsnoop", "internal/", "created by", "panic"} {
			known = known || strings.HasPrefix(name, lib)
		}
		if !known {
			return f
		}
	}
	return "who did is not in the dump"
}

// judgeMap is judge for two goroutines that have met in a map. The dump shows the one that noticed.
func (c *Crash) judgeMap() verdict {
	if i := c.find(0, "endpoints/filters.(*recorder).AddWarning"); i >= 0 {
		v := verdict{row: "D1", certain: true, shown: i, stop: stopUser}
		// The frames of warning.AddWarning come next, then who called it.
		who := i + 1
		for who < len(c.Frames)-1 && strings.Contains(c.Frames[who], "/warning.AddWarning") {
			who++
		}
		by := "code that adds warnings"
		if who < len(c.Frames) {
			by, _, _ = strings.Cut(c.Frames[who], " ")
		}
		for _, s := range sources {
			if c.find(who, s.frame) >= 0 {
				by, v.stop, v.verbs = s.what, s.stop, s.verbs
				break
			}
		}
		if c.find(0, "handlers.(*patcher).", "handlers.patchResource") >= 0 {
			v.verbs = []string{"PATCH"}
		} else if c.find(0, "handlers.create", "handlers.CreateResource") >= 0 {
			v.verbs = []string{"POST"}
		}
		v.what = "A warning was added to the response of a request that had ended by then, and its header map was in use. It came from " + by
		return v
	}
	// The other one of the two: the handler whose time is over, which writes its error into the same map.
	if i := c.find(0, "responsewriters.(*deferredResponseWriter).unbufferedWrite"); i >= 0 && c.find(0, "net/http.Header.") == i-1 {
		v := verdict{row: "D1", shown: i - 1, stop: stopUser, what: "The header map of a response was in use when its handler answered. The other goroutine is not in the dump: in all that was seen it was adding a warning"}
		if c.find(0, "handlers.PatchResource", "handlers.(*patcher)") >= 0 {
			v.verbs = []string{"PATCH"}
		}
		return v
	}
	return verdict{}
}

// hint is what is known of a crash that is none of the rows, or "".
func (c *Crash) hint() string {
	if strings.HasPrefix(c.Line, "fatal error: concurrent map ") && c.find(0, "net/http.Header.", "net/textproto.MIMEHeader.", "http2.cloneHeader", "filters.copyHeaders") >= 0 {
		return "the map is a header, as D1's is, but no unmodified server has been seen to die of D1 in this place"
	}
	return ""
}

// show are the frames that say where it was.
func (c *Crash) show(v verdict, most int) []string {
	var shown []string
	for _, f := range c.Frames[min(v.shown, len(c.Frames)):] {
		if len(shown) == most {
			break
		}
		shown = append(shown, f)
	}
	return shown
}
