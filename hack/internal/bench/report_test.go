package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func filterLevel(t *testing.T, ns float64) Level {
	t.Helper()
	r := filterRounds(t, 3, ns, 5)
	cases, err := compare(levels[0], r)
	if err != nil {
		t.Fatal(err)
	}
	return Level{Number: 1, Title: levels[0].title, Cases: cases, Setup: Setup{CPU: r.fork[0].cpu, GOMAXPROCS: 2, Tag: "v0.1.0", Tree: "0123456789abcdef", Rounds: 3}}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := filterLevel(t, 40).WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range append(filterNames(), "Toy <CPU> & co", "fork at 0123456789ab;", "upstream  fork  timeouthandler  none", "<= 0.25 MISSED", "<= 0.5 met", "(range)", "over none") {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

func TestChartIsXMLAndHasAllCases(t *testing.T) {
	growth, err := compare(levels[4], round(t,
		"BenchmarkGrowth/inflight=1/peer=upstream 1 10 ns/op\nBenchmarkGrowth/inflight=10000/peer=upstream 1 90 ns/op\n",
		"BenchmarkGrowth/inflight=1/peer=fork 1 10 ns/op\nBenchmarkGrowth/inflight=10000/peer=fork 1 30 ns/op\n"))
	if err != nil {
		t.Fatal(err)
	}
	chart, err := Report{Levels: []Level{filterLevel(t, 40), {Number: 5, Title: levels[4].title, Cases: growth}}}.chart()
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]int{}
	elements := map[string]int{}
	for dec := xml.NewDecoder(bytes.NewReader(chart)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, chart)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
		case xml.CharData:
			text[string(token)]++
		}
	}
	for _, name := range filterNames() {
		if got := text[strings.ReplaceAll(name, "/", " ")]; got != 2 { // time and allocations
			t.Errorf("%s has %d bars", name, got)
		}
	}
	if text["Growth inflight=10000"] != 1 || text["Growth inflight=1"] != 0 || text["3.00 →"] != 1 {
		t.Errorf("the growth is not in\n%s", chart)
	}
	if elements["title"] == 0 || elements["desc"] != 1 || bytes.Contains(chart, []byte("NaN")) {
		t.Errorf("got\n%s", chart)
	}
}

func TestAnEmptyReportHasAChart(t *testing.T) {
	if _, err := (Report{}).chart(); err != nil {
		t.Error(err)
	}
}

func TestALevelReplacesItselfAlone(t *testing.T) {
	co := toy(t)
	r, err := load(co)
	if err != nil {
		t.Fatal(err)
	}
	r.put(Level{Number: 5, Title: "five"})
	r.put(filterLevel(t, 40))
	if err := r.save(co); err != nil {
		t.Fatal(err)
	}
	if r, err = load(co); err != nil {
		t.Fatal(err)
	}
	r.put(filterLevel(t, 20))
	if err := r.save(co); err != nil {
		t.Fatal(err)
	}
	if r, err = load(co); err != nil || len(r.Levels) != 2 || r.Levels[0].Number != 1 || r.Levels[1].Title != "five" {
		t.Fatalf("got %+v, %v", r, err)
	}
	c := find(t, r.Levels[0].Cases, "Filter/frames=0/parallel=1", "ns/op")
	if c.Peers["fork"].Median != 20 || len(c.Peers["fork"].Samples) != 3 || len(c.Goals) != 2 {
		t.Errorf("got %+v", c)
	}
}

func TestWhatIsNoReportIsLeftAlone(t *testing.T) {
	co := toy(t)
	name := filepath.Join(Dir(co), dataName)
	if err := replace(name, []byte("{half")); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), co, Options{}, nil); err == nil || !strings.Contains(err.Error(), "_output/bench/bench.json is not what `make bench` writes") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "{half" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestPublishNeedsAllLevels(t *testing.T) {
	co := toy(t)
	r := &Report{}
	for _, n := range []int{1, 2, 3, 5, 6} {
		r.put(Level{Number: n})
	}
	if err := r.save(co); err != nil {
		t.Fatal(err)
	}
	if err := Publish(co); err == nil || !strings.Contains(err.Error(), "`make bench LEVEL=4`") {
		t.Errorf("got %v", err)
	}
	r.put(Level{Number: 4})
	if err := r.save(co); err != nil {
		t.Fatal(err)
	}
	if err := Publish(co); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(co.Root, "test/bench/bench.json"))
	if err != nil || !json.Valid(data) {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(co.Root, "test/bench/bench.svg")); err != nil {
		t.Error(err)
	}
	table, err := os.ReadFile(filepath.Join(co.Root, "test/bench/bench.txt"))
	if err != nil || !strings.Contains(string(table), "Level 1: ") || !strings.Contains(string(table), "Level 5: ") {
		t.Errorf("got %q, %v", table, err)
	}
}
