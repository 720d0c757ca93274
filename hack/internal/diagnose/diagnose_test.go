package diagnose

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashNow has this program die of a map, as one does that has nothing to do with a server.
const crashNow = "DIAGNOSE_TEST_CRASH"

func TestMain(m *testing.M) {
	switch os.Getenv(crashNow) {
	case "map":
		all := map[int]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					all[i%1000] = i
				}
			})
		}
		wg.Wait()
	case "panic":
		panic("as designed")
	}
	os.Exit(m.Run())
}

// unpack is a fixture as the server wrote it.
func unpack(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fixtures are the names of all, without what tells the log and the audit log apart.
func fixtures(t testing.TB, variant string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", variant, "*.log.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".log.gz")
	}
	return files
}

// diagnose reads a fixture's log and its audit log, if it has one, each as wrap has it.
func diagnose(t testing.TB, variant, name string, wrap func([]byte) []byte) *Report {
	t.Helper()
	d := New(Options{RequestTimeout: timeouts[name]})
	for _, kind := range []string{".log", ".audit"} {
		if _, err := os.Stat(filepath.Join("testdata", variant, name+kind+".gz")); err != nil {
			continue
		}
		if err := d.Read(name+kind, bytes.NewReader(wrap(unpack(t, variant+"/"+name+kind+".gz")))); err != nil {
			t.Fatal(err)
		}
	}
	return d.Report()
}

func plain(data []byte) []byte { return data }

// found are a report's rows, with a question mark behind what is not certain.
func found(r *Report) []string {
	var all []string
	for _, f := range r.Findings {
		row := strings.Join(f.Rows, "|")
		if row != "" && !f.Certain {
			row += "?"
		}
		all = append(all, row)
	}
	for range r.Unknown {
		all = append(all, "unknown")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wrappings are what is done to lines on their way to an operator.
var wrappings = map[string]func([]byte) []byte{
	"containerd": eachLine(func(i int, line []byte) string {
		if len(line) > 40 { // A long line comes in parts.
			return fmt.Sprintf("2026-11-29T10:00:00.%09dZ stderr P %s\n2026-11-29T10:00:00.%09dZ stderr F %s\n", i, line[:20], i, line[20:])
		}
		return fmt.Sprintf("2026-11-29T10:00:00.%09dZ stderr F %s\n", i, line)
	}),
	"docker": eachLine(func(_ int, line []byte) string {
		text, _ := json.Marshal(string(line) + "\n")
		return fmt.Sprintf("{\"log\":%s,\"stream\":\"stderr\",\"time\":\"2026-11-29T10:00:00Z\"}\n", text)
	}),
	"timestamps": eachLine(func(i int, line []byte) string { return fmt.Sprintf("2026-11-29T10:00:00.%09dZ %s\n", i, line) }),
	"journald":   eachLine(func(_ int, line []byte) string { return fmt.Sprintf("Nov 29 10:00:00 host k3s[12]: %s\n", line) }),
	"prefix": eachLine(func(_ int, line []byte) string {
		return fmt.Sprintf("[pod/kube-apiserver-a/kube-apiserver] %s\n", line)
	}),
	"carriage return": eachLine(func(_ int, line []byte) string { return string(line) + "\r\n" }),
	"gzip": func(data []byte) []byte {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		_, _ = z.Write(data)
		_ = z.Close()
		return buf.Bytes()
	},
}

func eachLine(f func(int, []byte) string) func([]byte) []byte {
	return func(data []byte) []byte {
		var buf bytes.Buffer
		for i, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
			buf.WriteString(f(i, line))
		}
		return buf.Bytes()
	}
}

func TestFixtures(t *testing.T) {
	for _, name := range fixtures(t, "upstream") {
		want, ok := rows[name]
		if !ok {
			t.Errorf("%s: the test does not know what is to be found in it", name)
			continue
		}
		r := diagnose(t, "upstream", name, plain)
		for _, row := range want {
			if got := found(r); !slices.Contains(got, row) {
				t.Errorf("%s: got %q, want %s too", name, got, row)
			}
		}
		for _, row := range found(r) {
			if !slices.Contains(want, row) && !slices.Contains(besides[name], row) && row != "D27|D32?" {
				t.Errorf("%s: got %s, which is not known to be in it", name, row)
			}
		}
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil || text.Len() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range rows {
		if _, err := os.Stat(filepath.Join("testdata", "upstream", name+".log.gz")); err != nil {
			t.Errorf("there is no fixture for %s; next: make diagnose-fixtures ID=%s", name, name)
		}
	}
}

func TestForkShowsNothing(t *testing.T) {
	for _, name := range fixtures(t, "fork") {
		r := diagnose(t, "fork", name, plain)
		if got := found(r); len(got) > 0 {
			t.Errorf("%s: got %q:", name, got)
			_ = r.WriteText(t.Output())
		}
		// Nor does the log alone, if it says whose it is.
		d := New(Options{RequestTimeout: timeouts[name]})
		if err := d.Read(name, bytes.NewReader(unpack(t, "fork/"+name+".log.gz"))); err != nil {
			t.Fatal(err)
		}
		if alone := d.Report(); alone.Fork && len(found(alone)) > 0 {
			t.Errorf("%s, alone: got %q:", name, found(alone))
			_ = alone.WriteText(t.Output())
		}
		if len(r.Versions) > 0 && !r.Fork {
			t.Errorf("%s: %q is not taken for the fork's", name, r.Versions)
		}
	}
}

// TestFixturesAreNobodys: they name no path of the machine that they were made on.
func TestFixturesAreNobodys(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		f, _ = filepath.Rel("testdata", f)
		data := unpack(t, f)
		for _, path := range []string{"/root/", "/home/", "/tmp/", "/usr/"} {
			if i := bytes.Index(data, []byte(path)); i >= 0 {
				t.Errorf("%s: %s", f, data[max(0, i-40):min(len(data), i+80)])
			}
		}
	}
}

// TestWrapped: what a container engine does to a log, and gzip, takes nothing away.
func TestWrapped(t *testing.T) {
	for _, name := range fixtures(t, "upstream") {
		want := diagnose(t, "upstream", name, plain)
		for how, wrap := range wrappings {
			if testing.Short() && !strings.HasPrefix(name, "crash") {
				continue
			}
			got := diagnose(t, "upstream", name, wrap)
			want.Sources, got.Sources = nil, nil
			if a, b := asJSON(t, got), asJSON(t, want); a != b {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", name, how, a, b)
			}
		}
	}
}

func asJSON(t *testing.T, r *Report) string {
	t.Helper()
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReusedAuditID: events of requests that share one are not taken for those of one request.
func TestReusedAuditID(t *testing.T) {
	// All watches of the fixture have one audit ID, which is their client's choice: two kinds of the four show something,
	// with the feature gate or without.
	var counts []int
	for _, f := range diagnose(t, "upstream", "WATCHES", plain).Findings {
		counts = append(counts, f.Count)
	}
	if !slices.Equal(counts, []int{2, 2}) {
		t.Errorf("got %v", counts)
	}
}

// TestWhoAndWhere: a crash is told apart by who added the warning, and the requests are named.
func TestWhoAndWhere(t *testing.T) {
	for name, want := range map[string]struct{ by, who, stop string }{
		"crash-pod":     {"the checks of the object", "POST /api/v1/namespaces/demo/pods, by mallory", "take their rights"},
		"crash-patch":   {"the decoding of its body", "PATCH /api/v1/namespaces/demo/configmaps/target, by malvin", "take their rights"},
		"crash-policy":  {"a ValidatingAdmissionPolicy", "POST /api/v1/namespaces/policy-warns/configmaps, by mallory", "validationActions"},
		"crash-webhook": {"an admission webhook", "POST /api/v1/namespaces/webhook-warns/configmaps, by mallory", "take its configuration out"},
	} {
		r := diagnose(t, "upstream", name, plain)
		if len(r.Findings) == 0 || !slices.Equal(r.Findings[0].Rows, []string{"D1"}) {
			t.Errorf("%s: got %v", name, found(r))
			continue
		}
		f := r.Findings[0]
		if !f.Certain || !strings.Contains(f.Details[0], "It came from "+want.by) {
			t.Errorf("%s: got %q, want %q", name, f.Details, want.by)
		}
		if len(f.Who) == 0 || !strings.HasPrefix(f.Who[0].Request, want.who) || len(f.Frames) == 0 || len(f.AuditIDs) == 0 || f.Seen == "" {
			t.Errorf("%s: got %+v, want %q first", name, f, want.who)
		}
		if !strings.Contains(f.Next, want.stop) || strings.Contains(f.Next, "audit log") {
			t.Errorf("%s: got %q, want %q, and no word of what was given", name, f.Next, want.stop)
		}
	}
}

// TestAlone: what takes two files to tell, one of them leaves open, and does not make up.
func TestAlone(t *testing.T) {
	for _, test := range []struct {
		file      string
		want, not []string
		note      string
	}{
		{"crash-pod.log", []string{"", "D15|D16|D24?"}, []string{"D15", "D22", "D23"}, "no audit event was read"},
		{"timeouts.log", []string{"", "D15", "D31", "D5", "D7"}, []string{"D22"}, "no audit event was read"},
		{"E16.log", []string{"E16|E18?"}, []string{"E16|E26?"}, "no audit event was read"},
		{"timeouts.audit", []string{"D7"}, []string{"D5", "D15", "D22", "D23", "D24|D16?"}, "no line of the HTTP log was read"},
		{"WATCHES.audit", []string{"WATCHES"}, nil, "no line of the HTTP log was read"},
	} {
		d := New(Options{})
		if err := d.Read(test.file, bytes.NewReader(unpack(t, "upstream/"+test.file+".gz"))); err != nil {
			t.Fatal(err)
		}
		r := d.Report()
		got := found(r)
		for _, row := range test.want {
			if !slices.Contains(got, row) {
				t.Errorf("%s: got %q, want %q too", test.file, got, row)
			}
		}
		for _, row := range test.not {
			if slices.Contains(got, row) {
				t.Errorf("%s: got %q, which it does not tell", test.file, row)
			}
		}
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, test.note) }) {
			t.Errorf("%s: got the notes %q, want %q", test.file, r.Notes, test.note)
		}
		if d1 := r.Findings[0]; slices.Contains(d1.Rows, "D1") && !strings.Contains(d1.Next, "audit log") {
			t.Errorf("%s: got %q, which does not say how to find the users", test.file, d1.Next)
		}
	}
}

func TestSources(t *testing.T) {
	const dump = "fatal error: concurrent map %s\n\ngoroutine 7 [running]:\ninternal/runtime/maps.fatal({0x1?, 0x2?})\n\truntime/panic.go:1181 +0x18\n%s"
	frame := func(f string) string { return f + "({0x1, 0x2})\n\t/x/y.go:12 +0x4ca\n" }
	for _, test := range []struct {
		what    string
		frames  []string
		row     string
		certain bool
		by      string // or the hint
	}{
		{"writes", []string{"net/http.Header.Add", "k8s.io/apiserver/pkg/endpoints/filters.(*recorder).AddWarning", "k8s.io/apiserver/pkg/warning.AddWarning", "example.org/plugin.Warn"},
			"D1", true, "example.org/plugin.Warn"},
		{"writes", []string{"example.org/cache.(*cache).Add"}, "", false, ""},
		{"writes", []string{"net/http.Header.Set", "example.org/proxy.(*proxy).ServeHTTP"}, "", false, "the map is a header"},
		{"iteration and map write", []string{"k8s.io/apiserver/pkg/server/filters.copyHeaders"}, "", false, "the map is a header"},
	} {
		var frames string
		for _, f := range test.frames {
			frames += frame(f)
		}
		d := New(Options{})
		if err := d.Read("x", strings.NewReader(fmt.Sprintf(dump, test.what, frames))); err != nil {
			t.Fatal(err)
		}
		r := d.Report()
		if test.row == "" {
			if len(r.Findings) > 0 || len(r.Unknown) != 1 || !strings.Contains(r.Unknown[0].Hint, test.by) || test.by == "" && r.Unknown[0].Hint != "" {
				t.Errorf("%v: got %q", test.frames, found(r))
			}
			continue
		}
		if len(r.Findings) != 1 || r.Findings[0].Rows[0] != test.row || r.Findings[0].Certain != test.certain || !strings.Contains(r.Findings[0].Details[0], test.by) {
			t.Errorf("%v: got %+v", test.frames, r.Findings)
		}
	}
}

// TestUnknownCrash: a program that dies of a map of its own, or of a panic, has died of none of the rows.
func TestUnknownCrash(t *testing.T) {
	for how, line := range map[string]string{"map": "fatal error: concurrent map writes", "panic": "panic: as designed"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashNow+"="+how)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("%s: it has not died", how)
		}
		d := New(Options{})
		if err := d.Read("crash", bytes.NewReader(out)); err != nil {
			t.Fatal(err)
		}
		r := d.Report()
		if len(r.Findings) > 0 || len(r.Unknown) != 1 || r.Unknown[0].Line != line || len(r.Unknown[0].Frames) == 0 {
			t.Errorf("%s: got %q, %+v of\n%s", how, found(r), r.Unknown, out)
			continue
		}
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "NONE OF THE KNOWN ROWS: "+line) || !strings.Contains(text.String(), "goroutine ") {
			t.Errorf("%s: %v\n%s", how, err, &text)
		}
		if s := text.String(); !strings.Contains(s, "it is upstream's or a plugin's own") || strings.Contains(s, "THIS IS THE FORK") {
			t.Errorf("%s: it sends the reader elsewhere:\n%s", how, s)
		}

		// The same of the fork is the fork's until it is known whose it is.
		d = New(Options{})
		if err := d.Read("crash", io.MultiReader(strings.NewReader("I1129 10:00:00.000000       1 server.go:157] Version: v1.37.2+deadline.18.0123456789ab\n"), bytes.NewReader(out))); err != nil {
			t.Fatal(err)
		}
		text.Reset()
		if err := d.Report().WriteText(&text); err != nil || !strings.Contains(text.String(), "THIS IS THE FORK") || strings.Contains(text.String(), "it is upstream's") {
			t.Errorf("%s, of the fork: %v\n%s", how, err, &text)
		}
	}
}

// TestNothingShows: a server may have died of what its log cannot say.
func TestNothingShows(t *testing.T) {
	d := New(Options{})
	if err := d.Read("log", strings.NewReader("I1129 10:00:00.000000       1 server.go:157] Version: v1.37.2\n")); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := d.Report().WriteText(&text); err != nil || !strings.Contains(text.String(), "crictl inspect") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// TestOnTheFork: what the fork is to end, and shows all the same, is to be reported, unless its gate is off.
func TestOnTheFork(t *testing.T) {
	log := string(unpack(t, "upstream/crash-pod.log.gz"))
	for what, test := range map[string]struct{ flag, d1, others string }{
		"on":  {`FLAG: --feature-gates=""`, "THIS IS THE FORK", "THIS IS THE FORK"},
		"off": {`FLAG: --feature-gates="PerHandlerReadWriteTimeout=false"`, "THIS IS THE FORK", "switch it on"},
	} {
		changed := strings.Replace(log, "Version: v1.37.2", "Version: v1.37.2+deadline.16.53b79119ed68", 1)
		changed = strings.Replace(changed, `FLAG: --feature-gates=""`, test.flag, 1)
		d := New(Options{})
		if err := d.Read("x", strings.NewReader(changed)); err != nil {
			t.Fatal(err)
		}
		r := d.Report()
		if !r.Fork || len(r.Findings) < 2 {
			t.Errorf("%s: %t, %q", what, r.Fork, found(r))
			continue
		}
		for _, f := range r.Findings {
			want := test.others
			if slices.Contains(f.Rows, "D1") {
				want = test.d1
			}
			if !strings.Contains(f.Next, want) {
				t.Errorf("%s: %v: got %q", what, f.Rows, f.Next)
			}
		}
	}
}

// TestBoth: an unmodified server that crashed, and the fork that was put in its place, are told apart.
func TestBoth(t *testing.T) {
	for _, inOne := range []bool{false, true} {
		d := New(Options{})
		logs := [][]byte{unpack(t, "upstream/crash-pod.log.gz"), unpack(t, "fork/crash-pod.log.gz")}
		if inOne {
			logs = [][]byte{bytes.Join(logs, nil)}
		}
		for _, log := range logs {
			if err := d.Read("x", bytes.NewReader(log)); err != nil {
				t.Fatal(err)
			}
		}
		r := d.Report()
		if r.Fork || len(r.Versions) != 2 || len(r.Findings) == 0 || strings.Contains(asJSON(t, r), "THIS IS THE FORK") {
			t.Errorf("%t, %q, %q", r.Fork, r.Versions, found(r))
		}
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "both the fork") }) {
			t.Errorf("got the notes %q", r.Notes)
		}
	}
}

// TestRequestTimeout: what rests on a --request-timeout that nobody has said is not certain, and says so.
func TestRequestTimeout(t *testing.T) {
	log := unpack(t, "upstream/timeouts.log.gz")
	for said, want := range map[time.Duration]bool{0: true, time.Hour: true} {
		d := New(Options{RequestTimeout: said})
		if err := d.Read("x", bytes.NewReader(log)); err != nil {
			t.Fatal(err)
		}
		if d.known != want || said == 0 && d.timeout != 4*time.Second || said != 0 && d.timeout != said {
			t.Errorf("%v: got %v, %t", said, d.timeout, d.known)
		}
	}
	_, rotated, _ := bytes.Cut(log, []byte("FLAG: --request-timeout="))
	d := New(Options{})
	if err := d.Read("log", bytes.NewReader(rotated)); err != nil {
		t.Fatal(err)
	}
	if err := d.Read("audit", bytes.NewReader(unpack(t, "upstream/timeouts.audit.gz"))); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Report().Findings {
		if slices.Equal(f.Rows, []string{"D23"}) && (f.Certain || !strings.Contains(strings.Join(f.Details, " "), "if --request-timeout is 1m0s")) {
			t.Errorf("got %+v", f)
		}
	}
}

// TestQuotedCrash: what a log tells of a panic that was recovered is no crash.
func TestQuotedCrash(t *testing.T) {
	d := New(Options{})
	in := "fatal error: concurrent map writes, somebody said\nE1129 12:51:35.251899   12890 finisher.go:175] next\npanic: no stack follows\n" +
		strings.Repeat("for long\n", 2*awaited) + "goroutine 1 [running]:\nmain.main()\n"
	if err := d.Read("x", strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	if r := d.Report(); len(r.Findings)+len(r.Unknown) > 0 || r.Sources[0].Crash > 0 || r.Sources[0].Log != 1 {
		t.Errorf("got %q, %+v", found(r), r.Sources)
	}
}

func TestBroken(t *testing.T) {
	log := unpack(t, "upstream/crash-patch.log.gz")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(log)
	_ = z.Close()
	d := New(Options{})
	err := d.Read("cut.gz", bytes.NewReader(packed.Bytes()[:packed.Len()/2]))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "cut.gz, after ") {
		t.Errorf("got %v", err)
	}
	if r := d.Report(); r.Sources[0].Log == 0 {
		t.Errorf("got %+v: what comes before the end is lost", r.Sources)
	}
	if err := New(Options{}).Read("no.gz", strings.NewReader("\x1f\x8bnot gzip")); err == nil || !strings.Contains(err.Error(), "no.gz: ") {
		t.Errorf("got %v", err)
	}
	// Lines of anything between those of a log.
	noisy := eachLine(func(i int, line []byte) string {
		return string(line) + "\n" + "\x00\xff{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\x01\n{\"log\":\"\n"
	})(bytes.Split(log, []byte("fatal error:"))[0])
	d = New(Options{})
	if err := d.Read("noisy", bytes.NewReader(noisy)); err != nil || d.Report().Sources[0].Log < 100 {
		t.Errorf("%v, %+v", err, d.sources)
	}
}

// endless is a log of so many requests, each with another audit ID, made as it is read, with a line of no end in it.
func endless(n int) io.Reader {
	r, w := io.Pipe()
	long := strings.Repeat("l", 4<<10)
	go func() {
		b := bufio.NewWriterSize(w, 1<<16)
		x := bytes.Repeat([]byte("x"), 1<<16)
		for i := range n {
			fmt.Fprintf(b, `I1129 12:44:04.%06d    5963 httplog.go:135] "HTTP" verb="GET" URI="/api/v1/%d%s?timeout=1s" latency="1.5s" userAgent="a-%d" audit-ID="id-%d" srcIP="" resp=%d`+"\n", i%1000000, i, long, i, i, 200+i%2*304)
			fmt.Fprintf(b, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"other-%d","stage":"ResponseComplete","verb":"get","requestURI":"/x%d%s","responseStatus":{"code":504}}`+"\n", i, i, long)
			fmt.Fprintf(b, `E1129 12:44:04.%06d    5963 wrap.go:53] "Timeout or abort while handling" logger="UnhandledError" method="GET" URI="/%d%s" auditID="third-%d"`+"\n", i%1000000, i, long, i)
			b.WriteString("panic: " + fmt.Sprint(i) + "\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:1 +0x1\n")
		}
		for range 2000 { // 128 MB
			b.Write(x)
		}
		b.Flush()
		w.Close()
	}()
	return r
}

func TestBoundedMemory(t *testing.T) {
	d := New(Options{})
	d.requests.most = 2000
	if err := d.Read("endless", endless(passingRequests)); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 80<<20 {
		t.Errorf("%d MB are held", m.HeapAlloc>>20)
	}
	r := d.Report()
	if len(d.requests.kept) != d.requests.most || len(d.requests.passing) > passingRequests || len(r.Unknown) > maxCrashes {
		t.Errorf("%d, %d, %d are kept", len(d.requests.kept), len(d.requests.passing), len(r.Unknown))
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "were not compared: more than 2000") }) {
		t.Errorf("it is not said: %q", r.Notes)
	}
}

func TestDeadline(t *testing.T) {
	for _, test := range []struct {
		uri  string
		want time.Duration
	}{
		{"/api/v1/pods", time.Minute},
		{"/api/v1/pods?timeout=5s&limit=1", 5 * time.Second},
		{"/api/v1/pods?timeout=5m", time.Minute},
		{"/api/v1/pods?timeout=bogus", time.Minute},
		{"/api/v1/pods/%zz?timeout=2s", 2 * time.Second},
		{"/api/v1/pods?labelSelector=" + strings.Repeat("x", 1000) + "&timeout=2s", 2 * time.Second},
	} {
		if got := deadline(shortURI(test.uri), time.Minute); got != test.want {
			t.Errorf("%s: got %v, want %v", test.uri, got, test.want)
		}
	}
	for uri, want := range map[string]bool{
		"/api/v1/namespaces/n/pods/p/log?follow=true": true, "/api/v1/namespaces/n/pods/p/exec": true, "/api/v1/namespaces/logs/pods": false,
		"/api/v1/pods?watch=true": true, "/api/v1/watch/pods": true, "/api/v1/namespaces/n/services/s/proxy/x": true, "/api/v1/pods": false,
	} {
		if got := longRunning("GET", uri); got != want {
			t.Errorf("%s: got %t", uri, got)
		}
	}
}

func TestOrder(t *testing.T) {
	dir := filepath.Join("testdata", "upstream")
	audit, log, none := filepath.Join(dir, "crash-pod.audit.gz"), filepath.Join(dir, "crash-pod.log.gz"), filepath.Join(dir, "none")
	if got := Order([]string{audit, "-", none, log}); !slices.Equal(got, []string{"-", none, log, audit}) {
		t.Errorf("got %q", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"crash-patch.log.gz", "crash-policy.log.gz", "crash-patch.audit.gz"} {
		data := unpack(f, "upstream/"+name)
		f.Add(data[max(0, len(data)-4000):])
		f.Add(data[:2000])
		f.Add(wrappings["docker"](data[:2000]))
		f.Add(wrappings["containerd"](data[:2000]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := New(Options{})
		_ = d.Read("fuzz", bytes.NewReader(data))
		r := d.Report()
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		if err := r.WriteText(io.Discard); err != nil {
			t.Error(err)
		}
	})
}
