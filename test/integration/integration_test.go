package integration

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWhatAClientMayExpect(t *testing.T) {
	timeout := []byte(`{"reason":"Timeout","code":504}`)
	for name, tt := range map[string]struct {
		x     exchange
		want  []int
		wrong string // "" is nothing
	}{
		"an answer":               {exchange{status: 200, whole: true}, nil, ""},
		"the one that was wanted": {exchange{status: 201, whole: true}, []int{200, 201}, ""},
		"another":                 {exchange{status: 500, whole: true}, []int{200}, "got 500"},
		"a 504":                   {exchange{status: 504, whole: true, body: timeout, timeout: time.Second, took: time.Second}, []int{504}, ""},
		"a bare 504":              {exchange{status: 504, whole: true, timeout: time.Second, took: time.Second}, nil, "does not say why"},
		"late":                    {exchange{status: 504, whole: true, body: timeout, timeout: time.Second, took: time.Second + slack + 1}, nil, "late"},
		"no answer":               {exchange{err: http.ErrServerClosed}, nil, "no whole answer"},
		"half of one":             {exchange{status: 200, err: http.ErrServerClosed}, nil, "no whole answer"},
		"a client that went":      {exchange{left: true, err: http.ErrServerClosed}, nil, ""},
	} {
		e := &env{}
		e.answered(&tt.x, tt.want...)
		if got := strings.Join(e.wrong, "\n"); (tt.wrong == "") != (got == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tt.wrong)
		}
	}
}

func TestWhatIsHeld(t *testing.T) {
	const metrics = "# HELP go_goroutines x\ngo_goroutines 10\n" + seats + `{a="b",c="d e"} 2` + "\n" + seats + `{a="c"} 1` + "\nother 7\n"
	now := sums([]byte(metrics), seats, goroutines)
	if want := map[string]float64{seats: 3, goroutines: 10}; !maps.Equal(now, want) {
		t.Errorf("got %v, want %v", now, want)
	}
	if got := held(now, map[string]float64{seats: 2}); len(got) != 0 {
		t.Errorf("one more seat is the scrape's, and got %q", got)
	}
	now[overdue], now[goroutines] = 1, spare+1
	if got := held(now, map[string]float64{}); len(got) != 3 {
		t.Errorf("got %q, want seats, a handler and goroutines", got)
	}
}

func TestWatchesThatLoseSomething(t *testing.T) {
	whole := func() map[string][]int64 {
		seen := map[string][]int64{}
		for _, proto := range protocols {
			for i := range 3 {
				seen[proto+string(rune('0'+i))] = []int64{3, 5, 8, 9}
			}
		}
		return seen
	}
	for name, tt := range map[string]struct {
		seen  []int64 // by one of them
		wrong string
	}{
		"all":             {[]int64{3, 5, 8, 9}, ""},
		"one more":        {[]int64{3, 5, 7, 8, 9}, ""}, // A write that has failed to its client.
		"lost":            {[]int64{3, 5, 9}, "has not seen 1 of 4 writes, the first of them with resource version 8"},
		"twice":           {[]int64{3, 5, 5, 8, 9}, "twice"},
		"not in order":    {[]int64{3, 8, 5, 9}, "not in order"},
		"nothing, at all": {nil, "5 watches have seen something"},
	} {
		e := &env{}
		w := &watches{e: e, cancel: func() {}, written: []int64{3, 5, 8, 9}, seen: whole()}
		if w.seen["HTTP/20"] = tt.seen; tt.seen == nil {
			delete(w.seen, "HTTP/20")
		}
		got := strings.Join(e.wrong, "\n")
		if err := w.stop(); err != nil {
			got += err.Error()
		}
		got += strings.Join(e.wrong, "\n")
		if (tt.wrong == "") != (got == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tt.wrong)
		}
	}
}

func TestAllWatchesAreOpen(t *testing.T) {
	w := &watches{}
	w.begun.Store(9)
	w.open.Store(int64(perProtocol * len(protocols)))
	if begun, err := w.all(t.Context()); err != nil || begun != 9 {
		t.Errorf("got %d, %v", begun, err)
	}
	w.open.Add(-1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.all(ctx); err == nil {
		t.Error("that one is not open is no error")
	}
}

func TestAuditEvents(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"auditID":"a","stage":"ResponseComplete","responseStatus":{"code":200}}
{"auditID":"a","stage":"ResponseStarted","responseStatus":{"code":200}}
{"auditID":"b","stage":"Panic","responseStatus":{"code":500}}
{"auditID":"b","stage":"ResponseComplete","responseStatus":{"code":504}}
`)
	events, err := readEvents(name)
	if err != nil || len(events) != 2 || len(events["a"]) != 1 || len(events["b"]) != 2 || events["a"][0].ResponseStatus.Code != 200 {
		t.Errorf("got %+v, %v", events, err)
	}
	write(`{"auditID":"a","stage":`)
	if _, err := readEvents(name); err == nil {
		t.Error("half a line is no error")
	}
}
