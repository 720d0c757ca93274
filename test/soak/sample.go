package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fork.internal/apiserver/test/traffic"
)

const (
	// sampleEvery is the pause between two looks at a server's metrics, which cost it some.
	sampleEvery = 2 * time.Second

	// sampleTimeout is how long a server may take to say how it is.
	sampleTimeout = 10 * time.Second
)

// Sample is how a server stood at one time.
type Sample struct {
	At          float64 `json:"atSeconds"` // since the first phase began
	Goroutines  float64 `json:"goroutines"`
	HeapMiB     float64 `json:"heapMiB"` // allocated; in a phase's After, what is left of it after a collection
	ResidentMiB float64 `json:"residentMiB"`
	Descriptors float64 `json:"descriptors"`
	Seats       float64 `json:"seats"`
	Overdue     float64 `json:"overdue"`   // handlers that run although their request has been answered; an unmodified server does not know
	Reporting   float64 `json:"reporting"` // requests that wait only for their audit event
	LongRunning float64 `json:"longRunning"`
}

// columns are the values of a sample, by their names.
var columns = []struct {
	name string
	of   func(*Sample) *float64
}{
	{"seconds", func(s *Sample) *float64 { return &s.At }},
	{"goroutines", func(s *Sample) *float64 { return &s.Goroutines }},
	{"heap MiB", func(s *Sample) *float64 { return &s.HeapMiB }},
	{"resident MiB", func(s *Sample) *float64 { return &s.ResidentMiB }},
	{"descriptors", func(s *Sample) *float64 { return &s.Descriptors }},
	{"seats", func(s *Sample) *float64 { return &s.Seats }},
	{"overdue", func(s *Sample) *float64 { return &s.Overdue }},
	{"reporting", func(s *Sample) *float64 { return &s.Reporting }},
	{"long-running", func(s *Sample) *float64 { return &s.LongRunning }},
}

const (
	heapMetric        = "go_memstats_heap_alloc_bytes"
	residentMetric    = "process_resident_memory_bytes"
	descriptorsMetric = "process_open_fds"
)

// look asks the server how it is.
func (s *server) look(ctx context.Context) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	text, err := s.clients.Get(ctx, "/metrics")
	if err != nil {
		return Sample{}, err
	}
	m, err := traffic.Sums(text, append(traffic.AtRest(s.side.mustHold), heapMetric, residentMetric, descriptorsMetric, traffic.LongRunning)...)
	if err != nil {
		return Sample{}, err
	}
	return Sample{
		At: time.Since(s.begun).Seconds(), Goroutines: m[traffic.Goroutines], HeapMiB: m[heapMetric] / (1 << 20), ResidentMiB: m[residentMetric] / (1 << 20),
		Descriptors: m[descriptorsMetric], Seats: m[traffic.Seats], Overdue: m[traffic.Overdue], Reporting: m[traffic.Reporting], LongRunning: m[traffic.LongRunning],
	}, nil
}

// lookAfterCollection asks the server how it is when it has collected its garbage.
func (s *server) lookAfterCollection(ctx context.Context) (Sample, error) {
	profile, err := s.clients.Get(ctx, "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return Sample{}, err
	}
	sample, err := s.look(ctx)
	if err != nil {
		return Sample{}, err
	}
	allocated, err := heapAlloc(profile)
	sample.HeapMiB = allocated / (1 << 20)
	return sample, err
}

// heapAlloc is what a heap profile says is allocated, in bytes.
func heapAlloc(profile []byte) (float64, error) {
	const what = "# HeapAlloc = "
	lines := bufio.NewScanner(bytes.NewReader(profile))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), what); ok {
			return strconv.ParseFloat(n, 64)
		}
	}
	return 0, fmt.Errorf("the heap profile does not say %q", what)
}

// sampler looks at a server until it is stopped.
type sampler struct {
	stop func() // ends it, and returns when it has ended

	mu      sync.Mutex
	samples []Sample // to be read by others when it is stopped
}

func startSampler(ctx context.Context, s *server) *sampler {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	sm := &sampler{stop: func() { cancel(); wg.Wait() }}
	wg.Go(func() {
		for {
			if now, err := s.look(ctx); err == nil {
				sm.add(now)
			}
			if !traffic.Pause(ctx, sampleEvery) {
				return
			}
		}
	})
	return sm
}

func (sm *sampler) add(s Sample) {
	sm.mu.Lock()
	defer sm.mu.Unlock()
	sm.samples = append(sm.samples, s)
}

// since is the most of each value since that time, and the last sample.
func (sm *sampler) since(from float64) (peak, last Sample) {
	sm.mu.Lock()
	defer sm.mu.Unlock()
	for _, s := range sm.samples {
		if s.At < from {
			continue
		}
		for _, c := range columns {
			*c.of(&peak) = max(*c.of(&peak), *c.of(&s))
		}
		last = s
	}
	return peak, last
}

// writeSamples writes them as CSV.
func writeSamples(path string, samples []Sample) error {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	var row []string
	for _, c := range columns {
		row = append(row, c.name)
	}
	w.Write(row)
	for _, s := range samples {
		row = row[:0]
		for _, c := range columns {
			row = append(row, strconv.FormatFloat(*c.of(&s), 'f', -1, 64))
		}
		w.Write(row)
	}
	w.Flush()
	return os.WriteFile(path, out.Bytes(), 0o644)
}
