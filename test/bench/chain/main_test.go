// Package chain_test measures the whole handler chain over TLS: what requests cost that are answered
// in time (level 2), and what becomes of those that are not (level 4). The clients are in a process
// of their own, so that all that is counted is the server's; the two share the machine, as they have to.
package chain_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"k8s.io/klog/v2"
)

// clientsOf is the environment variable that makes the program the clients of
// the server at that URL.
const clientsOf = "BENCH_CLIENTS_OF"

func TestMain(m *testing.M) {
	// Requests that time out are logged, and that is not what is measured.
	flags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	_ = flags.Set("log_file", os.DevNull)

	if url := os.Getenv(clientsOf); url != "" {
		if err := obey(os.Stdin, os.Stdout, url); err != nil {
			fmt.Fprintf(os.Stderr, "the clients of %s: %v\n", url, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
