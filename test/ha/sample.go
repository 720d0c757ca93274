package ha

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
)

const (
	sampleInterval = 250 * time.Millisecond

	// scrapePause is between two looks at a server's metrics, which cost it some.
	scrapePause = time.Second

	// scrapeTimeout is how long a server may take to say how it is.
	scrapeTimeout = 5 * time.Second
)

// Sample is how the servers stood at one time.
type Sample struct {
	At      float64        `json:"atSeconds"` // since the ordinary clients began
	Servers []ServerSample `json:"servers"`
}

// ServerSample is how one stood.
type ServerSample struct {
	Alive       bool `json:"alive"`
	Connections int  `json:"connections"`

	// The latest that the server has said; zero when it is gone.
	Metrics
}

// Metrics are what is looked for in a server's.
type Metrics struct {
	MiB        float64 `json:"mib"` // resident
	Goroutines int     `json:"goroutines"`
	Watches    int     `json:"watches"` // all of its clients', itself included
}

// sampler looks at the servers until it is stopped.
type sampler struct {
	cl    *cluster.Cluster
	begun time.Time
	stop  func() // ends it, and returns when it has ended

	mu      sync.Mutex
	latest  []Metrics
	samples []Sample // to be read when it is stopped
}

// startSampler has times counted from begun. It returns when each server has said how it is.
func startSampler(ctx context.Context, cl *cluster.Cluster, begun time.Time) *sampler {
	s := &sampler{cl: cl, begun: begun, latest: make([]Metrics, len(cl.Servers()))}
	ctx, cancel := context.WithCancel(ctx)
	var wg, first sync.WaitGroup
	for i, server := range cl.Servers() {
		first.Go(func() { s.scrape(ctx, i, server) })
		wg.Go(func() {
			for pause(ctx, scrapePause) == nil {
				s.scrape(ctx, i, server)
			}
		})
	}
	first.Wait()
	wg.Go(func() {
		for pause(ctx, sampleInterval) == nil {
			s.look()
		}
	})
	s.stop = func() {
		cancel()
		wg.Wait()
	}
	return s
}

// scrape reads one server's metrics. Where it does not answer, its last ones stand.
func (s *sampler) scrape(ctx context.Context, i int, server *cluster.Server) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	data, err := server.Get(ctx, "/metrics")
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest[i] = readMetrics(data)
}

func (s *sampler) look() {
	sample := Sample{At: time.Since(s.begun).Seconds()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, state := range s.cl.Balancer().States() {
		of := ServerSample{Connections: state.Open}
		if of.Alive = s.cl.Servers()[i].ExitError() == nil; of.Alive {
			of.Metrics = s.latest[i]
		}
		sample.Servers = append(sample.Servers, of)
	}
	s.samples = append(s.samples, sample)
}

// readMetrics takes what is looked for out of a server's metrics.
func readMetrics(text []byte) (m Metrics) {
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		number, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil: // a comment, or a series whose labels have a space
		case name == "process_resident_memory_bytes":
			m.MiB = number / (1 << 20)
		case name == "go_goroutines":
			m.Goroutines = int(number)
		case strings.HasPrefix(name, "apiserver_longrunning_requests{") && strings.Contains(name, `verb="WATCH"`):
			m.Watches += int(number)
		}
	}
	return m
}
