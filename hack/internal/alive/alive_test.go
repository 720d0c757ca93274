package alive

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		stop := Watch(&said, 15*time.Second, "work", func() string { return "half done" })
		time.Sleep(31 * time.Second)
		stop()
		time.Sleep(time.Minute)
		if got, want := said.String(), "  work: 15s, half done\n  work: 30s, half done\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
