package chain_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpu is how much CPU time this process, the server's, has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// usage is what this process holds.
type usage struct {
	goroutines int
	heap       float64 // MiB that are live
}

func measure() usage {
	// What a sync.Pool holds is freed by the second collection.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), float64(m.HeapAlloc) / (1 << 20)}
}

func (u usage) report(b *testing.B, when string) {
	b.ReportMetric(float64(u.goroutines), "goroutines-"+when)
	b.ReportMetric(u.heap, "MiB-"+when)
}

// milliseconds reports a share of durations, which are in ascending order.
func milliseconds(b *testing.B, sorted []time.Duration, share float64, unit string) {
	if len(sorted) == 0 {
		b.Fatal("nothing was measured")
	}
	at := min(int(share*float64(len(sorted))), len(sorted)-1)
	b.ReportMetric(float64(sorted[at])/float64(time.Millisecond), unit)
}
