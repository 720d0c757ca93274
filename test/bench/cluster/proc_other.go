//go:build !linux

package cluster

import (
	"errors"
	"time"
)

// cpuTime is for Linux only.
func cpuTime(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// residentBytes is for Linux only.
func residentBytes(int) (int64, error) { return 0, errors.ErrUnsupported }
