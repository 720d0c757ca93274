package cluster

import (
	"strings"
	"testing"
)

func TestReadConfig(t *testing.T) {
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	if _, given, err := readConfig(getenv); given || err != nil {
		t.Errorf("with nothing set: %v, %v", given, err)
	}
	env = map[string]string{envKubeAPIServer: "api", envEtcd: "etcd", envVariant: "fork", envDir: "dir"}
	conf, given, err := readConfig(getenv)
	if want := (config{"api", "etcd", "fork", "dir"}); conf != want || !given || err != nil {
		t.Errorf("%+v, %v, %v, want %+v", conf, given, err, want)
	}
	env[envVariant] = "spoon"
	if _, _, err := readConfig(getenv); err == nil || !strings.Contains(err.Error(), `BENCH_VARIANT is "spoon": set it to upstream or fork, whichever api is`) {
		t.Errorf("BENCH_VARIANT=spoon: %v", err)
	}
	delete(env, envEtcd)
	delete(env, envDir)
	if _, given, err := readConfig(getenv); !given || err == nil || !strings.Contains(err.Error(), "not set: BENCH_ETCD, BENCH_DIR;") {
		t.Errorf("with two missing: %v, %v", given, err)
	}
}
