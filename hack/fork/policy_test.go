package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
)

const policyFile = `apiVersion: deadline.apiserver.config.k8s.io/v1alpha1
kind: DeadlinePolicy
rules:
- {name: tenants, groups: [tenants], timeout: 20s}
- {name: lists, verbs: [list], apiGroups: [''], resources: [pods], timeout: 5m}
- {name: writes, verbs: [create, update], apiGroups: [apps], handlerTimeout: 50s}
`

// runPolicy runs `fork policy` on a file of that content, for which FILE stands.
func runPolicy(t *testing.T, content string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := newPolicyCommand(&checkout.Checkout{Out: &out})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	for i := range args {
		if args[i] == "FILE" {
			args[i] = file
		}
	}
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestPolicyCheck(t *testing.T) {
	out, err := runPolicy(t, policyFile, "check", "FILE")
	if err != nil || !strings.Contains(out, "is good: 3 rules, hash sha256:") {
		t.Errorf("got %q, %v", out, err)
	}
	out, err = runPolicy(t, policyFile, "check", "FILE", "-o", "json")
	var result struct {
		Hash  string
		Rules []struct {
			Name  string
			Verbs []string
		}
	}
	if err != nil || json.Unmarshal([]byte(out), &result) != nil || len(result.Rules) != 3 || result.Rules[0].Verbs[0] != "*" || result.Hash == "" {
		t.Errorf("got %q, %v", out, err)
	}
	_, err = runPolicy(t, strings.ReplaceAll(policyFile, "20s", "1ms")+"- {name: x, timeout: 1s, verbs: [GET]}\n", "check", "FILE")
	for _, want := range []string{"policy.yaml:\n", "\n  rules[0].timeout: Invalid value", "\n  rules[3].verbs[0]: Unsupported value"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := runPolicy(t, policyFile, "check", "FILE.none"); err == nil || !strings.Contains(err.Error(), "FILE.none: no such file") {
		t.Errorf("got %v", err)
	}
}

func TestPolicyExplain(t *testing.T) {
	for args, want := range map[string]string{
		"list /api/v1/pods": `
request   list of pods in the core group
rule      lists, rules[1]
timeout   5m0s, by the rule lists
in line   1m0s at most
shutdown  ends it 1m0s after the server has stopped accepting requests
but for   groups tenants: rule tenants, rules[0]: 20s, by the rule tenants
`,
		"create /apis/apps/v1/namespaces/n/deployments --user a --request-timeout 2m": `
request  create of deployments in apps
user     a, in system:authenticated
rule     writes, rules[2]
timeout  2m0s, by --request-timeout
handler  50s, by the rule writes
in line  30s at most
`,
		"GET /version?timeout=5s --group tenants": `
request  get of the path /version?timeout=5s
user     , in tenants, system:authenticated
rule     tenants, rules[0]
timeout  5s, by ?timeout=
in line  1.25s at most
`,
		"delete /api/v1/nodes/a/status --user a": `
request  delete of nodes/status in the core group
user     a, in system:authenticated
rule     none
timeout  1m0s, by --request-timeout
handler  34s, by default
in line  15s at most
`,
		"watch /api/v1/pods": `
request  watch of pods in the core group
timeout  none: it is long-running, and no rule matches such a request
`,
	} {
		out, err := runPolicy(t, policyFile, append([]string{"explain", "FILE"}, strings.Fields(args)...)...)
		if err != nil || out != want[1:] {
			t.Errorf("%s: %v; got\n%swant%s", args, err, out, want)
		}
	}
	for args, want := range map[string]string{
		"list /version --request-timeout 0s": "must be more than zero",
		"list /version":                      "is no list, but a get",
		"list":                               "accepts 3 arg(s)",
	} {
		if _, err := runPolicy(t, policyFile, append([]string{"explain", "FILE"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
}
