package cluster

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Environment variables; see the package's comment.
const (
	envUpstream = "BENCH_UPSTREAM"
	envFork     = "BENCH_FORK"
	envEtcd     = "BENCH_ETCD"
	envFirst    = "BENCH_FIRST"
	envDir      = "BENCH_DIR"
)

// config is one server's.
type config struct {
	kubeAPIServer, etcd string // paths of the binaries
	variant             string // upstream or fork
	dir                 string // of the state
}

// env is the variable that names the server.
func (c config) env() string {
	if c.variant == "fork" {
		return envFork
	}
	return envUpstream
}

// readConfig takes the servers from the environment, in the order of their turns. There are none when none of the
// variables is set; to set only some of them is an error.
func readConfig(getenv func(string) string) ([]config, error) {
	values := map[string]string{}
	var missing []string
	names := []string{envUpstream, envFork, envEtcd, envFirst, envDir}
	for _, name := range names {
		if values[name] = getenv(name); values[name] == "" {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == len(names):
		return nil, nil
	case len(missing) > 0:
		return nil, fmt.Errorf("not set: %s; set all of %s, or run `make bench LEVEL=3`, which does",
			strings.Join(missing, ", "), strings.Join(names, ", "))
	}
	upstream := config{kubeAPIServer: values[envUpstream], etcd: values[envEtcd], variant: "upstream", dir: filepath.Join(values[envDir], "upstream")}
	fork := config{kubeAPIServer: values[envFork], etcd: values[envEtcd], variant: "fork", dir: filepath.Join(values[envDir], "fork")}
	switch values[envFirst] {
	case "upstream":
		return []config{upstream, fork}, nil
	case "fork":
		return []config{fork, upstream}, nil
	}
	return nil, fmt.Errorf("%s is %q: set it to upstream or fork", envFirst, values[envFirst])
}
