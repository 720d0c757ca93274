package repro

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/build"
)

func TestJudge(t *testing.T) {
	exit := errors.New("exit status 2")
	c := testCase{ID: "D1", Fatal: "fatal error: concurrent map"}
	for name, tt := range map[string]struct {
		stdout, stderr string
		err            error
		want           Half
	}{
		"no defect":           {`{"Defect":false,"Seen":"alive"}`, "", nil, Half{Seen: "alive"}},
		"defect":              {`{"Defect":true,"Seen":"12 of 20"}`, "", nil, Half{Defect: true, Seen: "12 of 20"}},
		"died of it":          {"", "noise\nfatal error: concurrent map writes\n\ngoroutine 1", exit, Half{Defect: true, Seen: "the process died: fatal error: concurrent map writes"}},
		"raced":               {`{"Seen":"alive"}`, "==================\nWARNING: DATA RACE\nRead at\n==================\nFound 1", exit, Half{Defect: true, Seen: "1 data races", Race: "Read at\n"}},
		"died of another":     {"", "panic: x", exit, Half{Error: "exit status 2"}},
		"could not run":       {"", "repro: no listener", exit, Half{Error: "exit status 2"}},
		"said nothing":        {"", "", nil, Half{Error: `not a result: ""`}},
		"said it and failed":  {`{"Defect":false,"Seen":"alive"}`, "", exit, Half{Error: "exit status 2"}},
		"quoted it and lived": {`{"Seen":"alive"}`, "fatal error: concurrent map writes", nil, Half{Seen: "alive"}},
	} {
		if got := judge(c, tt.stdout, tt.stderr, tt.err); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestRowIsOKOnlyIfBothHalvesAre(t *testing.T) {
	bad, good, broken, lacking := Half{Defect: true}, Half{}, Half{Error: "x"}, Half{Lacks: "a line"}
	for _, tt := range []struct {
		upstream, fork Half
		want           bool
	}{{bad, good, true}, {bad, bad, false}, {good, good, false}, {broken, good, false}, {bad, broken, false},
		{bad, lacking, false}, {lacking, good, false}} {
		if got := (Row{Upstream: tt.upstream, Fork: tt.fork}).OK(); got != tt.want {
			t.Errorf("%+v, %+v: got %t", tt.upstream, tt.fork, got)
		}
	}
}

func TestListNamesTheCasesThereAre(t *testing.T) {
	program := filepath.Join(t.TempDir(), "repro")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho '{\"ID\":\"D1\"}'\necho '{\"ID\":\"D2\"}'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cases, err := list(t.Context(), program, []string{"D2"})
	if err != nil || len(cases) != 1 || cases[0].ID != "D2" {
		t.Errorf("got %v, %v", cases, err)
	}
	if _, err := list(t.Context(), program, []string{"D9"}); err == nil || !strings.Contains(err.Error(), "D1, D2") {
		t.Errorf("got %v", err)
	}
}

func TestRowSaysWhichHalfIsWrong(t *testing.T) {
	for want, row := range map[string]Row{
		"D1 (upstream does not show it: alive)": {ID: "D1", Upstream: Half{Seen: "alive"}},
		"D1 (the fork lacks a line: alive)":     {ID: "D1", Upstream: Half{Defect: true, Lacks: "a line"}, Fork: Half{Lacks: "a line", Seen: "alive"}},
		"D1 (the fork has it: a data race)":     {ID: "D1", Upstream: Half{Defect: true}, Fork: Half{Defect: true, Seen: "a data race"}},
		"D1 (upstream failed: no port)":         {ID: "D1", Upstream: Half{Error: "no port"}, Fork: Half{Error: "killed"}},
		"D1 (the fork failed: killed)":          {ID: "D1", Upstream: Half{Defect: true}, Fork: Half{Error: "killed"}},
	} {
		if got := row.wrong(); got != want || row.OK() {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestHalvesRunSideBySide, unless the case is one of numbers: each program waits for the other to have begun.
func TestHalvesRunSideBySide(t *testing.T) {
	for _, plain := range []bool{false, true} {
		dir := t.TempDir()
		programs := map[half]string{}
		for h, script := range map[half]string{
			{build.Upstream, !plain}: "touch upstream; n=0; until [ -e fork ] || [ $n = 100 ]; do n=$((n+1)); sleep 0.1; done; [ -e fork ] || exec echo '{}'; echo '{\"Defect\":true}'",
			{build.Fork, false}:      "touch fork; [ -e upstream ] || sleep 1; echo '{}'",
			{build.Fork, true}:       "echo '{\"Seen\":\"raced\"}'",
		} {
			if plain && h.variant == build.Upstream {
				script = "[ -e fork ] && exec echo '{}'; sleep 0.3; [ -e fork ] && exec echo '{}'; echo '{\"Defect\":true}'"
			}
			programs[h] = filepath.Join(dir, fmt.Sprintf("%v-%v", h.variant, h.race))
			if err := os.WriteFile(programs[h], []byte("#!/bin/sh\ncd "+dir+"\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		row, err := runRow(t.Context(), programs, testCase{ID: "D1", Plain: plain})
		if want := map[bool]string{false: "raced"}[plain]; err != nil || !row.OK() || row.Fork.Seen != want {
			t.Errorf("plain: %v: got %+v, %v", plain, row, err)
		}
	}
}

func TestUpstreamHasSomeTriesToShowADefect(t *testing.T) {
	for _, tt := range []struct {
		shows int // in which run
		want  bool
		runs  string
	}{{1, true, "1"}, {tries, true, fmt.Sprint(tries)}, {tries + 1, false, fmt.Sprint(tries)}} {
		dir := t.TempDir()
		program, count := filepath.Join(dir, "repro"), filepath.Join(dir, "count")
		script := fmt.Sprintf("#!/bin/sh\nn=$(($(cat %[1]s 2>/dev/null || echo 0)+1)); printf $n >%[1]s\n"+
			"if [ $n -ge %[2]d ]; then echo '{\"Defect\":true}'; else echo '{}'; fi\n", count, tt.shows)
		if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		h, err := runUntilDefect(t.Context(), program, testCase{ID: "D1"})
		runs, _ := os.ReadFile(count)
		if err != nil || h.Defect != tt.want || string(runs) != tt.runs {
			t.Errorf("shown in run %d: got %t after %s runs, %v", tt.shows, h.Defect, runs, err)
		}
	}
}

// TestRowsRunTwoAtATime, and those of numbers alone, after the others: what is returned is in the cases' order.
func TestRowsRunTwoAtATime(t *testing.T) {
	dir := t.TempDir()
	// Each run says who runs with it, of the three that wait for another; E13 is to find nobody.
	script := "#!/bin/sh\ncd " + dir + "\ntouch $2; n=0\n" +
		"until [ $2 = E13 ] || [ $(ls | wc -l) -ge 2 ] || [ -e met ] || [ $n = 100 ]; do n=$((n+1)); sleep 0.1; done\n" +
		"[ $2 = E13 ] || [ $(ls | wc -l) -lt 2 ] || touch met\n" +
		"printf '{\"Defect\":%s,\"Seen\":\"%s\"}' DEFECT \"$(ls | grep -v met | tr '\\n' ' ')\"; rm $2\n"
	programs := map[half]string{}
	at := t.TempDir()
	for _, h := range []half{{build.Upstream, true}, {build.Upstream, false}, {build.Fork, false}, {build.Fork, true}} {
		programs[h] = filepath.Join(at, fmt.Sprintf("%v-%v", h.variant, h.race))
		content := "#!/bin/sh\necho '{}'\n"
		if h.variant == build.Upstream {
			content = strings.ReplaceAll(script, "DEFECT", "true")
		}
		if err := os.WriteFile(programs[h], []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var reported []string
	rows, err := runRows(t.Context(), programs, []testCase{{ID: "E13", Plain: true}, {ID: "D1"}, {ID: "D2"}}, func(row Row) { reported = append(reported, row.ID) })
	if err != nil || len(rows) != 3 || rows[0].ID != "E13" || rows[1].ID != "D1" || rows[2].ID != "D2" || len(reported) != 3 || reported[2] != "E13" {
		t.Fatalf("got %+v, reported as %v, %v", rows, reported, err)
	}
	if first, second, last := rows[1].Upstream.Seen, rows[2].Upstream.Seen, rows[0].Upstream.Seen; last != "E13 " || first != "D1 D2 " && second != "D1 D2 " {
		t.Errorf("D1 ran with %q, D2 with %q, E13 with %q", first, second, last)
	}
}
