package traffic

import (
	"context"
	"fmt"
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
		x     Exchange
		want  []int
		wrong string // "" is nothing
	}{
		"an answer":               {Exchange{Status: 200, Whole: true}, nil, ""},
		"the one that was wanted": {Exchange{Status: 201, Whole: true}, []int{200, 201}, ""},
		"another":                 {Exchange{Status: 500, Whole: true}, []int{200}, "got 500"},
		"a 504":                   {Exchange{Status: 504, Whole: true, Body: timeout, Timeout: time.Second, Took: time.Second}, []int{504}, ""},
		"a bare 504":              {Exchange{Status: 504, Whole: true, Timeout: time.Second, Took: time.Second}, nil, "does not say why"},
		"late":                    {Exchange{Status: 504, Whole: true, Body: timeout, Timeout: time.Second, Took: time.Second + Slack + 1}, nil, "late"},
		"no answer":               {Exchange{Err: http.ErrServerClosed}, nil, "no whole answer"},
		"half of one":             {Exchange{Status: 200, Err: http.ErrServerClosed}, nil, "no whole answer"},
		"a client that went":      {Exchange{Left: true, Err: http.ErrServerClosed}, nil, ""},
	} {
		var got string
		c := Clients{Wrongf: func(format string, args ...any) { got += fmt.Sprintf(format, args...) }}
		c.Answered(&tt.x, tt.want...)
		if (tt.wrong == "") != (got == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tt.wrong)
		}
	}
}

func TestWatchesThatLoseSomething(t *testing.T) {
	whole := func() map[string][]int64 {
		seen := map[string][]int64{}
		for _, proto := range Protocols {
			for i := range 3 {
				seen[proto+string(rune('0'+i))] = []int64{3, 5, 8, 9}
			}
		}
		return seen
	}
	for name, tt := range map[string]struct {
		seen    []int64 // by one of them
		skipped []span  // likewise
		wrong   string
	}{
		"all":             {[]int64{3, 5, 8, 9}, nil, ""},
		"one more":        {[]int64{3, 5, 7, 8, 9}, nil, ""}, // A write that has failed to its client.
		"lost":            {[]int64{3, 5, 9}, nil, "has not seen 1 of 4 writes, the first of them with resource version 8"},
		"read anew":       {[]int64{3, 9}, []span{{3, 8}}, ""},
		"and one lost":    {[]int64{3, 9}, []span{{5, 8}}, "has not seen 1 of 4 writes, the first of them with resource version 5"},
		"twice":           {[]int64{3, 5, 5, 8, 9}, nil, "twice"},
		"not in order":    {[]int64{3, 8, 5, 9}, nil, "not in order"},
		"nothing, at all": {nil, nil, "5 watches have seen something"},
	} {
		var wrong []string
		c := &Clients{Wrongf: func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }}
		w := &Watches{skipped: map[string][]span{"HTTP/20": tt.skipped}, c: c, cancel: func() {}, written: []int64{3, 5, 8, 9}, seen: whole()}
		if w.seen["HTTP/20"] = tt.seen; tt.seen == nil {
			delete(w.seen, "HTTP/20")
		}
		got := strings.Join(wrong, "\n")
		if err := w.Stop(); err != nil {
			got += err.Error()
		}
		got += strings.Join(wrong, "\n")
		if (tt.wrong == "") != (got == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tt.wrong)
		}
	}
}

func TestAllWatchesAreOpen(t *testing.T) {
	w := &Watches{}
	w.begun.Store(9)
	w.open.Store(int64(perProtocol * len(Protocols)))
	if begun, err := w.All(t.Context()); err != nil || begun != 9 {
		t.Errorf("got %d, %v", begun, err)
	}
	w.open.Add(-1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.All(ctx); err == nil {
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
	events, err := ReadEvents(name)
	if err != nil || len(events) != 2 || len(events["a"]) != 1 || len(events["b"]) != 2 || events["a"][0].ResponseStatus.Code != 200 {
		t.Errorf("got %+v, %v", events, err)
	}
	write(`{"auditID":"a","stage":`)
	if _, err := ReadEvents(name); err == nil {
		t.Error("half a line is no error")
	}
}

func TestWhatTheAuditLogSays(t *testing.T) {
	end := func(code int, status, reason string) (ev Event) {
		ev.ResponseStatus.Code, ev.ResponseStatus.Status, ev.ResponseStatus.Reason = code, status, reason
		return ev
	}
	ok, timeout := end(200, "", ""), end(200, "Failure", "Timeout")
	for name, tt := range map[string]struct {
		x     Exchange
		ends  []Event
		wrong string // "" is nothing
	}{
		"the same":                 {Exchange{Status: 200, Whole: true}, []Event{ok}, ""},
		"another":                  {Exchange{Status: 504, Whole: true}, []Event{ok}, "audited as 200, and the client has 504"},
		"none":                     {Exchange{Status: 200, Whole: true}, nil, "0 audit events"},
		"two":                      {Exchange{Status: 200, Whole: true}, []Event{ok, ok}, "2 audit events"},
		"may not have come":        {Exchange{}, nil, ""},
		"came, and had no answer":  {Exchange{}, []Event{ok}, ""},
		"cut off":                  {Exchange{Status: 200, Cut: true}, []Event{timeout}, ""},
		"cut off, and not said so": {Exchange{Status: 200, Cut: true}, []Event{ok}, "was cut off"},
	} {
		if got := tt.x.Disagrees(tt.ends); (tt.wrong == "") != (got == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tt.wrong)
		}
	}
}
