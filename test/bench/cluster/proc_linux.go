package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc, the same for every program on every architecture.
const tick = time.Second / 100

// cpuTime is the CPU time that a process has used so far, in user and kernel mode, to 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("CPU time: %w", err)
	}
	used, err := parseStat(string(data))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return used, nil
}

func parseStat(stat string) (time.Duration, error) {
	// The second field is the name in parentheses, which may hold spaces and more of those; utime and
	// stime are fields 14 and 15.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%d fields after the name, want 13 or more", len(fields))
	}
	var used time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		used += time.Duration(n) * tick
	}
	return used, nil
}

// residentBytes is the memory of a process that is in RAM.
func residentBytes(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("resident memory: %w", err)
	}
	n, err := parseResident(string(data))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

func parseResident(status string) (int64, error) {
	_, after, found := strings.Cut(status, "\nVmRSS:")
	if !found {
		return 0, fmt.Errorf("no VmRSS: the process has ended")
	}
	line, _, _ := strings.Cut(after, "\n")
	kib, unit := strings.CutSuffix(strings.TrimSpace(line), " kB")
	n, err := strconv.ParseInt(kib, 10, 64)
	if err != nil || !unit {
		return 0, fmt.Errorf("VmRSS is %q, want a number of kB", line)
	}
	return n << 10, nil
}
