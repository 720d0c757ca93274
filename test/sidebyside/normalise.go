package sidebyside

import (
	"bytes"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// normaliser takes out of a text what is of one server, or of one run, alone. It is immutable.
type normaliser struct {
	// versions are those that the server goes by, the longest first.
	versions []string
}

// rule replaces what differs from one run to the next by what it is.
type rule struct {
	has     string // what a text has, at least, that the pattern matches: much faster to look for
	pattern *regexp.Regexp
	with    string
}

// rules are applied in this order: to bodies, header values, audit events and log lines alike, so quotes may have
// backslashes before them.
var rules = []rule{
	{"-", regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d| \+0000 UTC)?( m=\+[\d.]+)?`), "<time>"},
	{"GMT", regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`), "<date>"},
	{"-", regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uid>"},
	{"eyJ", regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`), "<jwt>"},
	{"-----BEGIN", regexp.MustCompile(`-----BEGIN ([A-Z ]+)-----[^-]*-----END [A-Z ]+-----`), "<$1>"},
	{"X509SHA256=", regexp.MustCompile(`(X509SHA256=)[0-9a-f]{64}`), "$1<hash>"},
	{"resourceVersion", regexp.MustCompile(`(resourceVersion(\\*":\s*\\*"|:\s*\\*"|=|%3D))\d+`), "$1<rv>"},
	{"ersion: ", regexp.MustCompile(`(?i)(resource ?version: )\d+`), "$1<rv>"},
	{": ", regexp.MustCompile(`(current: |version: <rv> \()\d+`), "$1<rv>"},
	{"continue", regexp.MustCompile(`(continue(\\*":\s*\\*"|:\s*\\*"?|=))[\w%-]{20,}`), "$1<token>"},
	{":", regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`), "$1:<port>"},
	{"gen-", regexp.MustCompile(`\b(gen-)[a-z0-9]{5}\b`), "$1<random>"},
	{"stream ID ", regexp.MustCompile(`(stream ID )\d+`), "$1<n>"},
	{"kubeletEndpoint", regexp.MustCompile(`("kubeletEndpoint":\{"Port":)\d+`), "$1<port>"},
	// One of the bindings that allow it, whichever is found first.
	{"RBAC: allowed", regexp.MustCompile(`(authorization\.k8s\.io/reason":"RBAC: allowed)(\\.|[^"\\])*"`), `$1"`},
	{"\"", regexp.MustCompile(`(\\?")(\d+[smhd]){1,2}(\\?")`), "$1<age>$3"},
}

// text is a text of any kind.
func (n *normaliser) text(s string) string {
	for _, v := range n.versions {
		s = strings.ReplaceAll(s, v, "<version>")
		s = strings.ReplaceAll(s, strings.ReplaceAll(v, "+", "%2B"), "<version>")
	}
	for _, r := range rules {
		if strings.Contains(s, r.has) {
			s = r.pattern.ReplaceAllString(s, r.with)
		}
	}
	return sortManaged(s)
}

// header is the value of one header of an answer whose body has length bytes. Values stay apart.
func (n *normaliser) header(name string, values []string, length int) string {
	if http.CanonicalHeaderKey(name) == "Content-Length" && len(values) == 1 && values[0] == strconv.Itoa(length) {
		return "<that of the body>"
	}
	return n.text(strings.Join(values, " | "))
}

// protobufMagic begins every object that is encoded as protobuf.
var protobufMagic = []byte("k8s\x00")

// body is a body without compression. What is not text is made text.
func (n *normaliser) body(contentType string, body []byte) string {
	switch {
	case len(body) == 0:
		return ""
	case strings.Contains(contentType, "protobuf"):
		return n.text(dumpProtobuf(body))
	}
	return n.text(string(bytes.ToValidUTF8(body, []byte("\uFFFD"))))
}
