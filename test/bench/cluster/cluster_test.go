// Package cluster measures the real kube-apiserver with etcd (level 3): ConfigMaps of 1 KiB over HTTP/2 and
// TLS, by a user who is authenticated by a token and authorized by RBAC, with priority and fairness and an
// audit log of metadata, as in a cluster. One run of its program is one measurement of two servers, an
// unmodified one and the fork's, which take turns at each verb; `make bench LEVEL=3` makes many. The servers
// are chosen by the environment:
//
//	BENCH_UPSTREAM, BENCH_FORK, BENCH_ETCD  the binaries
//	BENCH_FIRST                             which of the two has the first turn: upstream or fork
//	BENCH_DIR                               a directory for certificates, data and logs
//
// etcd does not sync its files (--unsafe-no-fsync), because it is not the disk that is compared. Server,
// etcd and load share the machine, and the other server idles on it, so req/s and the latencies are those of
// all together; cpu-us/req is the CPU time of the server alone, and the one to look at for small differences.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	// interrupted is done on Ctrl-C, so that what is running is stopped in order.
	interrupted context.Context

	// theServers starts them on first use, one after the other: that takes longer than a benchmark. TestMain
	// stops them. They are in the order of their turns, and none when the environment names none.
	theServers = sync.OnceValues(func() ([]*server, error) {
		confs, err := readConfig(os.Getenv)
		if err != nil {
			return nil, err
		}
		for _, conf := range confs {
			s, err := start(interrupted, conf, os.Stderr)
			if err != nil {
				return nil, err
			}
			started = append(started, s)
		}
		return started, nil
	})
	started []*server
)

func TestMain(m *testing.M) {
	var cancel func()
	interrupted, cancel = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := m.Run()
	for _, s := range started {
		if err := s.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	cancel()
	os.Exit(code)
}

// servers are those to measure.
func servers(b *testing.B) []*server {
	all, err := theServers()
	if err != nil {
		b.Fatal(err)
	}
	if len(all) == 0 {
		b.Skip("`make bench LEVEL=3` runs this")
	}
	return all
}

// BenchmarkStartup reports s-ready, from exec to ready; MiB-idle, which is resident when it has settled after
// that; and MiB-loaded, after the same number of requests of each verb for every server. All were measured
// as the server started, once: what -test.benchtime and -test.count repeat is the report.
func BenchmarkStartup(b *testing.B) {
	for _, s := range servers(b) {
		b.Run("peer="+s.variant, func(b *testing.B) {
			b.ReportMetric(s.ready.Seconds(), "s-ready")
			if s.loaded > 0 {
				b.ReportMetric(mib(s.idle), "MiB-idle")
				b.ReportMetric(mib(s.loaded), "MiB-loaded")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// BenchmarkCluster sends one verb at a time. An operation is a request.
func BenchmarkCluster(b *testing.B) {
	all := servers(b)
	for _, v := range verbs() {
		for _, s := range all {
			b.Run(fmt.Sprintf("verb=%s/peer=%s", v.name, s.variant), func(b *testing.B) {
				if err := measure(b, s, v); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func measure(b *testing.B, s *server, v verb) error {
	b.StopTimer()
	if _, err := s.send(interrupted, b.N, v.before); err != nil {
		return err
	}
	cpuBefore, err := cpuTime(s.pid())
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return s.explain(err)
	}
	withCPU := err == nil
	b.StartTimer()
	r, err := s.send(interrupted, b.N, v.request)
	b.StopTimer()
	if err != nil {
		return err
	}
	if withCPU {
		cpuAfter, err := cpuTime(s.pid())
		if err != nil {
			return s.explain(err)
		}
		b.ReportMetric(float64((cpuAfter-cpuBefore).Microseconds())/float64(b.N), "cpu-us/req")
	}
	b.ReportMetric(float64(b.N)/r.took.Seconds(), "req/s")
	b.ReportMetric(milliseconds(r.percentile(50)), "p50-ms")
	b.ReportMetric(milliseconds(r.percentile(99)), "p99-ms")
	b.ReportMetric(0, "ns/op") // Says the same as req/s.
	_, err = s.send(interrupted, b.N, v.after)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
