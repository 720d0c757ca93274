//go:build !before_v0.33

package chain

import (
	"k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/compatibility"
)

// setVersion has config say which version it is, as a server has to.
func setVersion(config *server.Config) {
	config.EffectiveVersion = compatibility.NewEffectiveVersionFromString("1.0", "", "")
}
