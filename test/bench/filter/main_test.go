package filter

import (
	"flag"
	"os"
	"testing"

	"k8s.io/klog/v2"
)

// TestMain keeps what is logged of ten thousand late handlers out of the measurements.
func TestMain(m *testing.M) {
	flags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	_ = flags.Set("log_file", os.DevNull)
	os.Exit(m.Run())
}
