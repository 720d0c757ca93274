package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMakePassesItsVariablesOn has make print the commands that it would run.
func TestMakePassesItsVariablesOn(t *testing.T) {
	for args, want := range map[string]string{
		"replace DIR=path":                          "replace -- 'path'",
		"replace DIR=path N=1 UNDO=yes MODULE=1":    "replace --module --dry-run --undo -- 'path'",
		"replace DIR=path N=0 UNDO=no MODULE=false": "replace -- 'path'",
		"replace DIR=it's TAG=v0.1.0":               `replace --tag 'v0.1.0' -- 'it'\''s'`,
		"replace DIR=;true TAG=$(HOME)`x`":          "replace --tag '" + os.Getenv("HOME") + "`x`' -- ';true'",
		"export CHECK=0":                            "export -o text",
		"export CHECK=1 O=json":                     "export --check -o json",
		"try-replace KUBE=0":                        "try-replace -o text",
		"pins O=json":                               "pins -o json",
		"pins ADD=v0.1.1":                           "pins add -o text -- 'v0.1.1'",
		"compare-minors FROM=v0.1":                  "compare-minors --from 'v0.1' --to '' -o text",
		"carry O=json":                              "carry -o json",
		"rebase TO=v0.1.1":                          "rebase --from '' --to 'v0.1.1' -o text",
		"image TAG=v0.1.0 ARCH=arm64 O=json":        "image --tag 'v0.1.0' --arch 'arm64' -o json",
		"image NAME=a/b:c":                          "image --name 'a/b:c' -o text",
		"bench LEVEL=1 ROUNDS=2":                    "bench --level '1' --rounds '2' -o text",
		"verify-next TAG=v0.2.0-beta.0 PIN=1":       "verify-next --tag 'v0.2.0-beta.0' --pin -o text",
		"verify-next PIN=0 O=json":                  "verify-next -o json",
		"run PORT=6443 DATA=it's RACE=1 ARGS=--v=4": `run --port '6443' --data 'it'\''s' --race -- --v=4`,
		"run":                                       "run --port '0' --",
		"policy FILE=a/b":                           "policy check -o text -- 'a/b'",
		"policy FILE=a VERB=list REQUEST=/b?c=1":    "policy explain -o text -- 'a' 'list' '/b?c=1'",
		"diagnose FILE=it's O=json":                 `diagnose -o json -- 'it'\''s'`,
		"diagnose FILE=a/b AUDIT=c":                 "diagnose -o text -- 'a/b' 'c'",
		"diagnose FILE=a TIMEOUT=2m":                "diagnose --request-timeout '2m' -o text -- 'a'",
		"diagnose-fixtures ID=D2":                   "diagnose-fixtures -- D2",
		"monitoring O=json":                         "monitoring -o json",
		"mutants O=json":                            "mutants -o json --",
		"mutants FILE=a.go ID=a.b JOBS=2 WITHIN=1s": `mutants --jobs '2' --within '1s' -o text -- 'a.go' 'a.b'`,
		"fuzz O=json":                               "fuzz -o json --",
		"fuzz FUZZTIME=1m ID=FuzzGuard RACE=1":      "fuzz --time '1m' --race -o text -- FuzzGuard",
		"test-alerts TAG=v0.1.0 RECORD=1":           "test-alerts --tag 'v0.1.0' --record -o text",
		"test-alerts RECORD=0":                      "test-alerts -o text",
		"model ID=E4 O=json":                        "model -o json -- E4",
		"same N=500 SEED=7":                         "same --random '500' --seed '7' -o text --",
		"same ID=body-unread O=json":                "same -o json -- body-unread",
		"same-cluster ID=reads SELF=1 O=json":       "same-cluster --self reads -o json",
		"same-cluster SELF=0":                       "same-cluster -o text",
		"test-minor MINOR=v0.1":                     "test --minor 'v0.1' -o text",
		"test-consumers ID=metrics-server":          "test-consumers -o text -- metrics-server",
		"test-kubernetes TAG=v0.1.0 O=json":         "test-kubernetes --tag 'v0.1.0' -o json --",
		"demo-ha TAG=v0.1.0":                        "demo-ha --tag 'v0.1.0' -o text",
		"soak DURATION=3m RACE=1 O=json":            "soak --duration '3m' --race -o json",
		"soak TAG=v0.1.0":                           "soak --tag 'v0.1.0' -o text",
		"test-faults ID=etcd- O=json":               "test-faults -o json -- etcd-",
		"test-ha O=json":                            "test-ha -o json",
		"kind-node-image TAG=v0.1.0":                "kind-node-image --tag 'v0.1.0' -o text",
		"test-kind KIND_NODE_IMAGE=a/b:v1 NODES=3":  "test-kind --node-image 'a/b:v1' --nodes '3' -o text --",
		"test-kind NAME=a KEEP=1 UNMODIFIED=1 ID=x": "test-kind --name 'a' --keep --unmodified -o text -- x",
		"test-kind STREAMS=10m":                     "test-kind --streams '10m' -o text --",
		"test-e2e STREAMS=10m ID=lasting-streams":   "test-e2e --streams '10m' -o text -- lasting-streams",
		"test-conformance FOCUS=it's TAG=v0.1.0":    `test-conformance --tag 'v0.1.0' --focus 'it'\''s' -o text`,
		"test-conformance O=json":                   "test-conformance -o json",
		"test-e2e UNMODIFIED=1 TAG=v0.1.0":          "test-e2e --tag 'v0.1.0' --unmodified -o text --",
		"test-e2e KUBECONFIG=a/b ID=exec O=json":    "test-e2e --kubeconfig 'a/b' -o json -- exec",
	} {
		cmd := exec.Command("make", append([]string{"--no-print-directory", "-n"}, strings.Fields(args)...)...)
		cmd.Dir = "../.."
		// Another make, which may be running this, and its variables have no say.
		// Nor has what a shell has by the names of make's: a KUBECONFIG is not for a test to be run against.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "KUBECONFIG=somebody's",
			"TAG=theirs", "ARCH=arm64", "NAME=host", "DIR=/", "PORT=80", "DATA=/", "PIN=1234", "N=1", "ID=1", "FILE=x", "KEEP=1", "O=json", "CHECK=1", "ADD=v0", "FROM=v0", "TO=v0", "DURATION=1s"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("make %s: %v", args, err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		got := strings.Join(strings.Fields(lines[len(lines)-1]), " ")
		if want = "_output/bin/fork " + want; got != want {
			t.Errorf("make %s: got %s, want %s", args, got, want)
		}
	}
}
