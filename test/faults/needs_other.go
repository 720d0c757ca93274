//go:build !linux

package faults

import (
	"context"
	"net"
)

const needsLinux = errNeeds("Linux")

// sweep has nothing to remove.
func sweep(string) {}

// limitFiles needs Linux.
func limitFiles(int, uint64) (restore func(), err error) { return nil, needsLinux }

// limitMemory needs Linux, where cgroups are.
const cgroups = ""

func limitMemory(int, int64) (remove func(), err error) { return nil, needsLinux }

// mountTiny needs Linux.
func mountTiny(string, int) (unmount func(), err error) { return nil, needsLinux }

// farAway needs Linux.
type farAway struct{ host string }

func newFarAway() (*farAway, error) { return nil, needsLinux }

func (*farAway) dial(context.Context, string, string) (net.Conn, error) { return nil, needsLinux }

func (*farAway) cut() error { return needsLinux }

func (*farAway) close() {}
