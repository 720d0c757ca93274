package main

import (
	"testing"

	"fork.internal/apiserver/test/chain"
)

func TestFloodThatDidNotReachTheLimitHasTriedNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		peak, over     int
		defect, failed bool
	}{
		"kept":             {peak: 100, over: 450},
		"passed":           {peak: 500, over: 400, defect: true},
		"not reached":      {peak: 31, over: 0, failed: true},
		"closed before":    {peak: 50, over: 0, failed: true},
		"nothing was more": {peak: 100, over: 0, failed: true},
	} {
		got, err := flood{limit: 100, over: tt.over}.judge(chain.Count{Peak: tt.peak})
		if got.Defect != tt.defect || err != nil != tt.failed {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}
