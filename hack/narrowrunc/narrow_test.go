package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestToldIn(t *testing.T) {
	for args, want := range map[string]string{
		"--root /r --log /l create --bundle /b --pid-file /p id": "/b/config.json",
		"run --bundle=/b id":                "/b/config.json",
		"create -b /b id":                   "/b/config.json",
		"create id":                         "config.json",
		"--root /r exec --process /p -d id": "/p",
		"exec id sh":                        "",
		"--root /r state id":                "",
		"--version":                         "",
	} {
		got, inSpec := toldIn(strings.Fields(args))
		if got != want || inSpec != strings.HasSuffix(want, "config.json") {
			t.Errorf("%s: got %q, %t", args, got, inSpec)
		}
	}
}

func TestNarrow(t *testing.T) {
	const process = `{"args":["x"],"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE"],"effective":["CAP_SYS_RESOURCE"]},"oomScoreAdj":-999,"rlimits":[{"hard":18446744073709551615}]}`
	const narrowed = `{"args":["x"],"capabilities":{"bounding":["CAP_CHOWN"],"effective":[]},"rlimits":[{"hard":18446744073709551615}]}`
	file := filepath.Join(t.TempDir(), "f.json")
	for _, test := range []struct {
		in, want string
		inSpec   bool
	}{
		{process, narrowed, false},
		{`{"hostname":"h","process":` + process + `}`, `{"hostname":"h","process":` + narrowed + `}`, true},
		{`{"hostname":"h"}`, `{"hostname":"h"}`, true},
	} {
		if err := os.WriteFile(file, []byte(test.in), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := narrow(file, test.inSpec); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != test.want {
			t.Errorf("got %s, %v, want %s", got, err, test.want)
		}
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := narrow(file, true); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}
