package traffic

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
		"late for nothing":        {Exchange{Status: 200, Whole: true, Took: Slack + 1}, nil, "late"},
		"late, by a policy":       {Exchange{Status: 504, Whole: true, Body: timeout, Took: Slack + 1, Rule: "creates"}, nil, ""},
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

// TestWatchesOfNothing: watches without a write show nothing, and a second call says nothing more.
func TestWatchesOfNothing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		rw.WriteHeader(http.StatusForbidden)
		io.WriteString(rw, `{"kind":"Status"}`)
	}))
	defer server.Close()
	c := &Clients{URL: server.URL, HTTP: map[string]*http.Client{}, Wrongf: t.Errorf}
	for _, proto := range Protocols {
		c.HTTP[proto] = server.Client()
	}
	w := StartWatches(c, "/maps")
	if _, err := w.All(t.Context()); err != nil {
		t.Error(err)
	}
	w.Ending()
	if err := w.Stop(); err == nil || !strings.Contains(err.Error(), "the last write failed: PATCH /maps/ticks: 403") {
		t.Errorf("got %v", err)
	}
	if err := w.Stop(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

// TestTheLastWriteIsAwaited: a watch that is late for the last write before the end has it all the same.
func TestTheLastWriteIsAwaited(t *testing.T) {
	w := &Watches{written: []int64{3, 5}, seen: map[string][]int64{}, skipped: map[string][]span{}}
	for i := range perProtocol * len(Protocols) {
		w.seen[fmt.Sprint(i)] = []int64{3, 5}
	}
	w.seen["0"] = []int64{3}
	if w.haveAll() {
		t.Error("one has not seen the last")
	}
	if w.skipped["0"] = []span{{3, 7}}; !w.haveAll() {
		t.Error("one has read beyond the last")
	}
	if delete(w.seen, "1"); w.haveAll() {
		t.Error("one has seen nothing")
	}
	w.seen["1"], w.seen["2"] = []int64{3, 5}, []int64{3}
	late := time.AfterFunc(4*interval, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen["2"] = []int64{3, 5}
	})
	defer late.Stop()
	if w.Ending(); !w.haveAll() {
		t.Error("it was not waited for")
	}
}

func TestAllWatchesAreOpen(t *testing.T) {
	w := &Watches{}
	w.begun.Store(9)
	w.open.Store(int64(perProtocol * len(Protocols)))
	if begun, err := w.All(t.Context()); err != nil || begun != 9 {
		t.Errorf("got %d, %v", begun, err)
	}
	if err := w.Lasted(t.Context(), 9, false); err != nil {
		t.Error(err)
	}
	if err := w.Lasted(t.Context(), 7, false); err == nil || !strings.Contains(err.Error(), "2 watches have ended") {
		t.Errorf("got %v", err)
	}
	if err := w.Lasted(t.Context(), 7, true); err != nil {
		t.Errorf("those that may end: %v", err)
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
	write(`{"auditID":"a","stage":"RequestReceived"}
{"auditID":"a","stage":"ResponseStarted","responseStatus":{"code":200}}
{"auditID":"a","stage":"ResponseComplete","responseStatus":{"code":200}}
{"auditID":"b","stage":"Panic","responseStatus":{"code":500}}
{"auditID":"b","stage":"ResponseComplete","responseStatus":{"code":504}}
{"auditID":"others","stage":"ResponseComplete","responseStatus":{"code":200}}
`)
	asked := []*Exchange{{AuditID: "a"}, {AuditID: "b"}, {AuditID: "c"}}
	records, err := ReadRecords(name, asked)
	a, b := records["a"], records["b"]
	if err != nil || len(records) != 3 || a.Arrivals != 1 || len(a.Ends) != 1 || a.Ends[0].ResponseStatus.Code != 200 || b.Arrivals != 0 || len(b.Ends) != 2 {
		t.Errorf("got %+v, %v", records, err)
	}
	write(`{"auditID":"a","stage":`)
	if _, err := ReadRecords(name, asked); err == nil {
		t.Error("half a line is no error")
	}
}

func TestWhatTheAuditLogSays(t *testing.T) {
	end := func(code int, status, reason string) (ev Event) {
		ev.ResponseStatus.Code, ev.ResponseStatus.Status, ev.ResponseStatus.Reason = code, status, reason
		return ev
	}
	is := func(ends ...Event) Record { return Record{1, ends} }
	ok, timeout, gone, late := end(200, "", ""), end(200, "Failure", "Timeout"), end(200, "Failure", "ClientGone"), end(504, "Failure", "Timeout")
	for name, tt := range map[string]struct {
		x     Exchange
		log   Record
		wrong string // "" is nothing
	}{
		"the same":                  {Exchange{Status: 200, Whole: true}, is(ok), ""},
		"another":                   {Exchange{Status: 504, Whole: true}, is(ok), "audited as 200, and the client has 504"},
		"none":                      {Exchange{Status: 200, Whole: true}, Record{}, "0 of the end"},
		"two":                       {Exchange{Status: 200, Whole: true}, is(ok, ok), "2 of the end"},
		"no arrival":                {Exchange{Status: 200, Whole: true}, Record{0, []Event{ok}}, "0 audit events of the arrival"},
		"two arrivals":              {Exchange{Status: 200, Whole: true}, Record{2, []Event{ok}}, "2 audit events of the arrival"},
		"may not have come":         {Exchange{}, Record{}, ""},
		"came, and no end":          {Exchange{}, is(), "0 of the end"},
		"left, and no end":          {Exchange{Left: true}, is(), "0 of the end"},
		"came, and had no answer":   {Exchange{}, is(ok), "has no whole answer"},
		"came, and was refused":     {Exchange{}, is(timeout), ""},
		"half, and all is well":     {Exchange{Status: 200}, is(ok), "has no whole answer"},
		"half, as another":          {Exchange{Status: 200}, is(late), "audited as 504, and the client has 200"},
		"half, and said so":         {Exchange{Status: 200}, is(gone), ""},
		"cut off":                   {Exchange{Status: 200, Cut: true}, is(timeout), ""},
		"cut off, and not said so":  {Exchange{Status: 200, Cut: true}, is(ok), "was cut off"},
		"cut off, as one that went": {Exchange{Status: 200, Cut: true}, is(gone), "was cut off"},
		"left":                      {Exchange{Status: 200, Left: true}, is(gone), ""},
		"left when all was sent":    {Exchange{Status: 200, Left: true}, is(ok), ""},
		"left, as another":          {Exchange{Status: 200, Left: true}, is(late), "audited as 504, and the client has 200"},
		"left with a made-up 504":   {Exchange{Left: true, Timeout: 20 * time.Second, Took: time.Second}, is(late), "went long before"},
		"left at its deadline":      {Exchange{Left: true, Timeout: time.Second, Took: time.Second}, is(late), ""},
	} {
		if got := tt.x.Disagrees(tt.log); (tt.wrong == "") != (got == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tt.wrong)
		}
	}
}
