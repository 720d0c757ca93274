package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestReadConfig(t *testing.T) {
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	if confs, err := readConfig(getenv); len(confs) != 0 || err != nil {
		t.Errorf("with nothing set: %v, %v", confs, err)
	}
	env = map[string]string{envUpstream: "theirs", envFork: "ours", envEtcd: "etcd", envFirst: "fork", envDir: "dir"}
	confs, err := readConfig(getenv)
	want := []config{{"ours", "etcd", "fork", "dir/fork"}, {"theirs", "etcd", "upstream", "dir/upstream"}}
	if !slices.Equal(confs, want) || err != nil {
		t.Errorf("%+v, %v, want %+v", confs, err, want)
	}
	env[envFirst] = "upstream"
	slices.Reverse(want)
	if confs, err := readConfig(getenv); !slices.Equal(confs, want) || err != nil {
		t.Errorf("%+v, %v, want %+v", confs, err, want)
	}
	env[envFirst] = "spoon"
	if _, err := readConfig(getenv); err == nil || !strings.Contains(err.Error(), `BENCH_FIRST is "spoon": set it to upstream or fork`) {
		t.Errorf("BENCH_FIRST=spoon: %v", err)
	}
	delete(env, envEtcd)
	delete(env, envDir)
	if _, err := readConfig(getenv); err == nil || !strings.Contains(err.Error(), "not set: BENCH_ETCD, BENCH_DIR;") {
		t.Errorf("with two missing: %v", err)
	}
}
