package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/foreign"
	"fork.internal/apiserver/hack/internal/pins"
	"fork.internal/apiserver/hack/internal/suite"
)

// integrationPackages are those of k8s.io/kubernetes's integration tests that touch what the fork changes: deadlines,
// audit, warnings, watches, termination, flow control, proxies and the aggregator.
var integrationPackages = []string{
	"apimachinery", "apiserver", "apiserver/admissionwebhook", "apiserver/apply", "apiserver/flowcontrol", "apiserver/httpproxy",
	"apiserver/peerproxy", "apiserver/podlogs", "apiserver/portforward", "apiserver/tracing", "auth", "client", "controlplane",
	"controlplane/audit", "dryrun", "examples", "metrics", "serving", "tls",
}

func newTestKubernetesCommand(co *checkout.Checkout) *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "test-kubernetes [PACKAGE...]",
		Short: "Run k8s.io/kubernetes's integration tests with the fork, gate on and off, and without it what fails there",
		Long: "Each PACKAGE below k8s.io/kubernetes/test/integration is run with the race detector and a real etcd. What fails is run again\n" +
			"unmodified, and only a difference is a failure. What has passed on the same files is not run again. Without a PACKAGE:\n" +
			strings.Join(integrationPackages, " "),
	}
	out := outputFlag(cmd)
	tagFlag(cmd, &tag, "the newest pinned one")
	cmd.RunE = func(cmd *cobra.Command, packages []string) error {
		p, pin, err := pins.Find(co.Pins(), tag)
		if err != nil {
			return err
		}
		if pin.Consumer == "" {
			return fmt.Errorf("%s is pinned without its %s, whose tests these are; next: make pins ADD=%[1]s looks for it again", pin.Tag, p.Consumer)
		}
		for _, pkg := range packages {
			if !slices.Contains(integrationPackages, pkg) {
				return fmt.Errorf("%q is none of the packages; next: make test-kubernetes ID=PACKAGE with one of %s", pkg, strings.Join(integrationPackages, ", "))
			}
		}
		if len(packages) == 0 {
			packages = integrationPackages
		}
		tests := foreign.Integration{Pins: p, Pin: pin, Summary: func(line string) { fmt.Fprintf(co.Err, "    %s\n", line) }}
		results, err := runSuite(cmd.Context(), co, suite.Options{Pins: p, Tags: []pins.Tag{pin}, Steps: tests.Steps(packages), Resume: true,
			Next: "look into the logs, and when that is put right, make test-kubernetes again: it runs what has not passed"})
		return errors.Join(out.print(co.Out, results, func() { printResults(co, results) }), err)
	}
	return cmd
}
