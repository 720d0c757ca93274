package kindtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/nodeimage"
)

type fakeMachine struct{ cgroupV1, narrow bool }

func (m fakeMachine) CgroupV1() bool { return m.cgroupV1 }
func (m fakeMachine) Narrow() bool   { return m.narrow }

func TestConfig(t *testing.T) {
	for name, tt := range map[string]struct {
		machine fakeMachine
		own     bool
		nodes   int
		streams time.Duration
		want    []string
		not     []string
	}{
		"a released node image": {nodes: 3, not: []string{"conflist", "nftables", "failCgroupV1", "restrict_oom_score_adj", "watch-write-timeout", "containerLogMaxSize"}},
		"our own":               {nodes: 1, own: true, want: []string{"disableDefaultCNI: true", "kubeProxyMode: nftables"}, not: []string{"conflist"}},
		"our own, several":      {nodes: 3, own: true, want: []string{"network-2.conflist"}},
		"streams that last":     {nodes: 1, streams: time.Hour, want: []string{"/apiServer/extraArgs/watch-write-timeout\n", "value: 15s", "containerLogMaxSize"}},
		"an old machine":        {nodes: 1, machine: fakeMachine{cgroupV1: true, narrow: true}, want: []string{"failCgroupV1: false", "restrict_oom_score_adj = true"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := config(tt.machine, &nodeimage.Node{Own: tt.own}, Options{Nodes: tt.nodes, Streams: tt.streams}, "/somewhere")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(text), want) {
					t.Errorf("lacks %q:\n%s", want, text)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(string(text), not) {
					t.Errorf("has %q:\n%s", not, text)
				}
			}
			var cluster struct {
				Nodes []struct {
					ExtraMounts []struct{ HostPath, ContainerPath string }
				}
				KubeadmConfigPatchesJSON6902 []struct{ Version, Patch string }
			}
			if err := yaml.Unmarshal(text, &cluster); err != nil {
				t.Fatal(err)
			}
			var logs []string
			for _, n := range cluster.Nodes {
				for _, m := range n.ExtraMounts {
					if m.ContainerPath == nodeAuditDir {
						logs = append(logs, m.HostPath)
					}
				}
			}
			if slices.Sort(logs); len(logs) != tt.nodes || len(slices.Compact(logs)) != tt.nodes {
				t.Errorf("%d nodes have their audit logs in %q", tt.nodes, logs)
			}
			wantArgument := map[string]string{
				kubeadmList: "path: /apiServer/extraArgs/-\n  value:\n    name: audit-log-path\n    value: " + nodeAuditDir + "/" + auditFile,
				kubeadmMap:  "path: /apiServer/extraArgs/audit-log-path\n  value: " + nodeAuditDir + "/" + auditFile,
			}
			for _, p := range cluster.KubeadmConfigPatchesJSON6902 {
				if !strings.Contains(p.Patch, wantArgument[p.Version]) {
					t.Errorf("kubeadm's %s gets\n%s\nwithout\n%s", p.Version, p.Patch, wantArgument[p.Version])
				}
				delete(wantArgument, p.Version)
			}
			if len(wantArgument) > 0 {
				t.Errorf("there is no patch for %v", wantArgument)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Name: "a", Nodes: 1}, ""},
		{Options{Name: "a", Nodes: 3, NodeImage: "kindest/node:v1"}, ""},
		{Options{Name: "a", Nodes: 3}, ""},
		{Options{Name: "a"}, "NODES=1 to NODES=7"},
		{Options{Name: "a", Nodes: 8}, "NODES=1 to NODES=7"},
		{Options{Name: "-a", Nodes: 1}, "NAME= with small letters"},
		{Options{Name: "A", Nodes: 1}, "NAME= with small letters"},
		{Options{Nodes: 1}, "NAME= with small letters"},
		{Options{Name: "a", Nodes: 1, Streams: 10 * time.Minute}, ""},
		{Options{Name: "a", Nodes: 1, Streams: time.Minute}, "STREAMS=2m10s or more"},
		{Options{Name: "a", Nodes: 1, Streams: -time.Minute}, "STREAMS=2m10s or more"},
	} {
		err := tt.o.check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.o, err, tt.want)
		}
	}
}

// TestArguments: an unmodified server knows no flag of the fork's, and would not start.
func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want int
	}{{Options{}, 0}, {Options{Streams: time.Hour}, 1}, {Options{Streams: time.Hour, Unmodified: true}, 0}} {
		if got := tt.o.arguments(); len(got) != tt.want {
			t.Errorf("%+v: %q", tt.o, got)
		}
	}
}

func TestTagOfARelease(t *testing.T) {
	co, err := checkout.Find("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ want, release, tag, err string }{
		{"", "v1.37.2", "v0.37.2", ""},
		{"v0.37.2", "v1.37.2", "v0.37.2", ""},
		{"v0.37.2", "v1.36.1", "", "next: leave TAG= out"},
		{"v0.1.2", "v1.37.2", "", "unknown tag v0.1.2"},
		{"", "v1.2.3", "", "next: make pins"},
	} {
		tag, err := tagOf(co, tt.want, tt.release)
		if tt.err == "" && (err != nil || tag != tt.tag) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: got %s, %v", tt, tag, err)
		}
	}
}

func TestLastLine(t *testing.T) {
	for said, want := range map[string]string{"": "", "one\n": "one", "one\ntwo\n\n": "two", "ERROR: one\n\nCommand Output: two\n": "ERROR: one"} {
		if got := lastLine(said); got != want {
			t.Errorf("of %q got %q, want %q", said, got, want)
		}
	}
}
