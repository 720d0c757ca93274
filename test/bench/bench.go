// Package bench holds what the benchmarks below it share. They are Go benchmarks, one package for
// each level, and are built twice: against the unmodified module and against the tree that the fork
// makes of it. `make bench` runs the two in turn and compares them.
package bench

import (
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// Variant is "fork" in a program that is built against a tree, and "upstream" in one that is built
// against the unmodified module, which does not know the fork's feature gate.
func Variant() string {
	if _, known := utilfeature.DefaultMutableFeatureGate.GetAll()["PerHandlerReadWriteTimeout"]; known {
		return "fork"
	}
	return "upstream"
}
