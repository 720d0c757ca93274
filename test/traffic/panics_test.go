package traffic

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPanics(t *testing.T) {
	log := filepath.Join(t.TempDir(), "kube-apiserver.log")
	for line, want := range map[string]string{
		`I1130 00:00:00.000000 1 httplog.go:134] "HTTP" verb="GET"`:                                             "",
		"fatal error: concurrent map writes":                                                                    `"fatal error:" is 1 times in `,
		"WARNING: DATA RACE":                                                                                    `"WARNING: DATA RACE" is 1 times in `,
		`E1130 00:00:00.000000 1 panic.go:262] "Observed a panic" panic="x"`:                                    `"Observed a panic" is 1 times in `,
		"E1130 http: panic serving 127.0.0.1:1: x\ngoroutine 1\nE1130 http2: panic serving 127.0.0.1:2: x":      `"panic serving" is 2 times in `,
		`E1130 00:00:00.000000 1 wrap.go:57] "apiserver panic'd" method="GET" URI="/" auditID="a" panicValue=x`: `"apiserver panic'd" is 1 times in `,
	} {
		if err := os.WriteFile(log, []byte("first\n"+line+"\nlast\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Panics(log)
		if got := strings.Join(found, "\n"); err != nil || (want == "") != (got == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
		}
	}
	if _, err := Panics(log + ".none"); err == nil {
		t.Error("no log is no error")
	}
}
