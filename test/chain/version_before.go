//go:build before_v0.33

package chain

import (
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
)

// setVersion has config say which version it is, as a server has to. What makes one is in other packages in v0.31 and in
// v0.32, and this one knows where.
func setVersion(config *server.Config) {
	o := options.NewServerRunOptions()
	config.EffectiveVersion = o.ComponentGlobalsRegistry.EffectiveVersionFor(o.ComponentName)
}
