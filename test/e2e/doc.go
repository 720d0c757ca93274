// Package e2e runs against any cluster of which it has a kubeconfig, with the fork or without it. `make test-e2e` starts
// one for it, or takes yours. All tests are one Go test's, because watches run beside all others, and are looked at
// when those are over; without E2E_KUBECONFIG there are none, so that `go test ./...` touches nobody's cluster.
package e2e
