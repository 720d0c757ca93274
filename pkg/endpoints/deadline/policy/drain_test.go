//go:build go1.25

/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package policy

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestDrainKeepsNothing of a request that is over.
func TestDrainKeepsNothing(t *testing.T) {
	d := NewDrain()
	freed := make(chan struct{})
	func() {
		type key struct{}
		value := new([1 << 10]byte)
		runtime.SetFinalizer(value, func(any) { close(freed) })
		_, cancel := d.Bound(context.WithValue(context.Background(), key{}, value))
		cancel()
	}()
	for range 1000 {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(d)
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the request's context is there, as long as the server")
}

// TestDrain: a request with a long bound ends when the server has been draining for as
// long as requests without one may take, and not before; one that is over is left alone.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		d := NewDrain()
		start := time.Now()
		ctx, cancelDeadline := context.WithTimeout(context.WithValue(context.Background(), key{}, "kept"), time.Hour)
		defer cancelDeadline()
		long, cancel := d.Bound(ctx)
		defer cancel()
		over, cancelOver := d.Bound(ctx)
		cancelOver()
		if over.Err() != context.Canceled || context.Cause(over) != context.Canceled {
			t.Errorf("one that is over: got %v, %v", over.Err(), context.Cause(over))
		}
		if deadline, _ := long.Deadline(); !deadline.Equal(start.Add(time.Hour)) || long.Value(key{}) != "kept" {
			t.Errorf("deadline %s, value %v", deadline, long.Value(key{}))
		}

		time.Sleep(10 * time.Minute)
		if long.Err() != nil {
			t.Errorf("before the shutdown: %v", long.Err())
		}
		d.Start(time.Minute)
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if long.Err() != nil || d.Over().Err() != nil {
			t.Errorf("too early: %v", long.Err())
		}
		<-long.Done()
		if since := time.Since(start); since != 11*time.Minute {
			t.Errorf("ended after %s", since)
		}
		synctest.Wait()
		late, cancelLate := d.Bound(ctx)
		defer cancelLate()
		<-late.Done()
		if d.Over().Err() == nil {
			t.Error("it is not over")
		}
		for _, ctx := range []context.Context{long, late} {
			cause := context.Cause(ctx)
			if !errors.Is(cause, context.DeadlineExceeded) || !errors.Is(cause, ErrShutdown) {
				t.Errorf("the cause is %v", cause)
			}
		}
		if context.Cause(over) != context.Canceled {
			t.Errorf("one that was over: %v", context.Cause(over))
		}
	})
}

// TestDrainEndsNoOther: a deadline that is nearer is that.
func TestDrainEndsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDrain()
		ctx, cancelDeadline := context.WithTimeout(context.Background(), time.Second)
		defer cancelDeadline()
		short, cancel := d.Bound(ctx)
		defer cancel()
		d.Start(time.Minute)
		<-short.Done()
		if short.Err() != context.DeadlineExceeded || errors.Is(context.Cause(short), ErrShutdown) {
			t.Errorf("got %v, %v", short.Err(), context.Cause(short))
		}
		time.Sleep(time.Minute) // The timer's end.
	})
}

func TestNoDrain(t *testing.T) {
	var none *Drain
	none.Start(0)
	ctx, cancel := none.Bound(context.Background())
	cancel()
	if ctx.Err() != nil || none.Over().Err() != nil {
		t.Errorf("got %v", ctx.Err())
	}
}
