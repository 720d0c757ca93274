package cluster

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 75 0 0 20 0 9"
	for _, stat := range []string{"12 (kube-apiserver)" + rest, "12 (a) S 1 (b)" + rest} {
		if got, err := parseStat(stat); got != 3250*time.Millisecond || err != nil {
			t.Errorf("parseStat(%q) = %v, %v, want 3.25s", stat, got, err)
		}
	}
	for _, stat := range []string{"", "12 (a) S 1 2", "12 (a) S 1 2 3 4 5 6 7 8 9 10 x 75"} {
		if got, err := parseStat(stat); err == nil {
			t.Errorf("parseStat(%q) = %v, want an error", stat, got)
		}
	}
}

func TestParseResident(t *testing.T) {
	if got, err := parseResident("Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t 7 kB\n"); got != 2<<20 || err != nil {
		t.Errorf("2048 kB = %v, %v", got, err)
	}
	for _, status := range []string{"", "Name:\tx\nState:\tZ (zombie)\n", "\nVmRSS:\t2 MB\n", "\nVmRSS:\tx kB\n"} {
		if got, err := parseResident(status); err == nil {
			t.Errorf("parseResident(%q) = %v, want an error", status, got)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	if used, err := cpuTime(os.Getpid()); used < 0 || err != nil {
		t.Errorf("cpuTime = %v, %v", used, err)
	}
	if n, err := residentBytes(os.Getpid()); n < 1<<20 || err != nil {
		t.Errorf("residentBytes = %v, %v", n, err)
	}
	if _, err := cpuTime(math.MaxInt32); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cpuTime of no process: %v", err)
	}
	if _, err := residentBytes(math.MaxInt32); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("residentBytes of no process: %v", err)
	}
}
