package ha

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	tally := newTally()
	tally.answered(2 * time.Second)
	tally.failed(cutOff, errors.New("the first"))
	tally.failed(cutOff, errors.New("the second"))
	time.Sleep(20 * time.Millisecond)
	first := tally.enter()
	if first.OK != 1 || first.Slowest != 2 || first.Failures() != 2 || first.LongestGap < 0.02 || first.failures() != "2 answer cut off (the first)" {
		t.Errorf("%+v", first)
	}
	if second := tally.enter(); second.OK != 0 || second.failures() != "none" {
		t.Errorf("it is of the phase before: %+v", second)
	}
	tally.begun = tally.begun.Add(-2 * time.Second)
	tally.answered(0)
	tally.begun = tally.begun.Add(-2 * time.Second)
	if got := tally.perSecond(); !slices.Equal(got, []int64{1, 0, 1, 0}) {
		t.Errorf("per second: %v", got)
	}
}

func TestTallyAwait(t *testing.T) {
	tally := newTally()
	tally.answered(0)
	answering, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { // until it has been enough, as await counts from when it is called
		for pause(answering, time.Millisecond) == nil {
			tally.answered(0)
		}
	}()
	if err := tally.await(t.Context(), 3); err != nil {
		t.Error(err)
	}
	stop()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no time"))
	if err := tally.await(ctx, 1000); err == nil || !strings.Contains(err.Error(), "of 1000 answers to ordinary clients did not come: no time") {
		t.Errorf("got %v", err)
	}
}
