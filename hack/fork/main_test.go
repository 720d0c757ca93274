package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	if err := run(context.Background(), []string{"tree"}); err == nil || !strings.Contains(err.Error(), "not in a checkout of") {
		t.Errorf("got %v", err)
	}
	if err := run(context.Background(), []string{"diagnose", "nowhere"}); err == nil || !strings.Contains(err.Error(), "nowhere: no such file") {
		t.Errorf("got %v", err)
	}
	for name, content := range map[string]string{
		"go.mod":            "module fork.internal/apiserver\n",
		"patches/pins.json": `{"module":"toy.test/m","minors":[{"minor":"v0.1","tags":[{"tag":"v0.1.0","sum":"h1:x"}]}]}`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ args, want string }{
		{"tree --tag v0.9.9", "unknown tag v0.9.9: patches/pins.json knows v0.1.0"},
		{"refresh --tag v0.1.0", "make tree TAG=v0.1.0"},
		{"rebase --from v0.1.0", "TO="},
		{"rebase", "which tag? make rebase TO="},
		{"rebase --to v0.1.0", "v0.1.0 is pinned already"},
		{"rebase --to v0.9.9", "neither v0.9 nor a minor next to it"},
		{"review --from v0.1.0", "which tags? make review FROM="},
		{"review --from v0.9.9 --to v0.1.0", "unknown tag v0.9.9"},
		{"compare-minors --from v0.9", "nothing to compare"},
		{"carry", "patches/v0.1 holds no patch"},
		{"test", "which minor? patches/pins.json has v0.1; next: MINOR=v0.1"},
		{"test --minor v0.9", `unknown minor "v0.9"`},
		{"test --minor v0.1 --all", "[minor all]"},
		{"verify --tag v0.9.9", "unknown tag"},
		{"export --tag v0.9.9", "unknown tag v0.9.9"},
		{"export", "patches/v0.1 holds no patch"},
		{"kube-apiserver", "names no consumer"},
		{"image", "names no consumer"},
		{"image --name kube-apiserver", `no image can be called "kube-apiserver"; next: a repository and a tag, such as NAME=`},
		{"image --arch mips", `no image is made for the architecture "mips"; next: ARCH=amd64 or ARCH=arm64`},
		{"image --tag v0.9.9", "unknown tag v0.9.9"},
		{"etcd", `no "etcd"`},
		{"tree -o yaml", "text or json"},
		{"bench --level 7", "there is no level 7"},
		{"bench --level x", "next: fork bench --help, or make"},
		{"bench --level 0", "--level 0"},
		{"bench --rounds 0", "--rounds 0"},
		{"bench --rounds -1", "at least one"},
		{"bench check --tag v0.9.9", "unknown tag v0.9.9"},
		{"bench publish", "make bench LEVEL=1"},
		{"same-cluster nothing", "there is no group nothing of requests; next: one of discovery"},
		{"module --tag v0.9.9", "unknown tag"},
		{"try-replace --tag v0.9.9", "unknown tag"},
		{"test-consumers nothing", `"nothing" is none of the servers`},
		{"test-consumers --tag v0.9.9", "unknown tag v0.9.9"},
		{"test-kubernetes", "make pins ADD=v0.1.0"},
		{"test-e2e --tag v0.9.9", "unknown tag v0.9.9"},
		{"test-e2e --unmodified --kubeconfig nowhere", "TAG= and UNMODIFIED="},
		{"test-e2e --kubeconfig nowhere", "next: the path of one kubeconfig"},
		{"test-kind --nodes 0", "next: NODES=1 to NODES="},
		{"test-kind --name -a", "is no name for a cluster"},
		{"test-conformance --tag v0.9.9", "unknown tag v0.9.9"},
		{"test-conformance", "make pins ADD=v0.1.0"},
		{"gate-off --tag v0.9.9", "unknown tag v0.9.9"},
		{"replace nowhere", "DIR=nowhere is not a directory"},
		{"replace --undo .", "is this checkout itself"},
		{"policy check ", "accepts 1 arg(s), received 0; next: fork policy check --help, or make"},
		{"policy check nowhere", "nowhere: no such file"},
		{"policy explain nowhere get /x", "nowhere: no such file"},
		{"mutants --jobs 0", "JOBS=1"},
		{"diagnose", "requires at least 1 arg(s), only received 0; next: fork diagnose --help, or make"},
		{"diagnose nowhere go.mod", "nowhere: no such file"},
		{"diagnose go.mod", "go.mod: none of its 1 lines is of a kube-apiserver's log, crash or audit log; next: on its node"},
		{"diagnose --request-timeout -1s go.mod", "must be more than zero"},
		{"diagnose-fixtures nothing", "there is no fixture nothing; next: one of D1, D2"},
		{"nonsense", `unknown command "nonsense" for "fork"; next: make, which lists`},
	} {
		if err := run(context.Background(), strings.Fields(test.args)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.args, err, test.want)
		}
	}
	if err := run(context.Background(), []string{"pins", "-o", "json"}); err != nil {
		t.Error(err)
	}
}
