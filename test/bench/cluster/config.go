package cluster

import (
	"fmt"
	"strings"
)

// Environment variables; see the package's comment.
const (
	envKubeAPIServer = "BENCH_KUBE_APISERVER"
	envEtcd          = "BENCH_ETCD"
	envVariant       = "BENCH_VARIANT"
	envDir           = "BENCH_DIR"
)

type config struct {
	kubeAPIServer, etcd string // paths of the binaries
	variant             string // upstream or fork
	dir                 string // of the state
}

// readConfig takes the configuration from the environment. given is false when none of the variables is
// set; to set only some of them is an error.
func readConfig(getenv func(string) string) (conf config, given bool, err error) {
	var missing []string
	for _, v := range []struct {
		name string
		into *string
	}{
		{envKubeAPIServer, &conf.kubeAPIServer},
		{envEtcd, &conf.etcd},
		{envVariant, &conf.variant},
		{envDir, &conf.dir},
	} {
		if *v.into = getenv(v.name); *v.into == "" {
			missing = append(missing, v.name)
		} else {
			given = true
		}
	}
	switch {
	case !given:
		return config{}, false, nil
	case len(missing) > 0:
		return config{}, true, fmt.Errorf("not set: %s; set all of %s, %s, %s and %s, or run `make bench LEVEL=3`, which does",
			strings.Join(missing, ", "), envKubeAPIServer, envEtcd, envVariant, envDir)
	case conf.variant != "upstream" && conf.variant != "fork":
		return config{}, true, fmt.Errorf("%s is %q: set it to upstream or fork, whichever %s is", envVariant, conf.variant, conf.kubeAPIServer)
	}
	return conf, true, nil
}
