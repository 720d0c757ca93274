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
	c := testCase{ID: "D1", Fatal: "fatal error: concurrent map", Race: "the.Culprit("}
	const raced = "==================\nWARNING: DATA RACE\nRead at\n==================\n"
	const guilty = "==================\nWARNING: DATA RACE\nRead at the.Culprit()\n==================\n"
	for name, tt := range map[string]struct {
		stdout, stderr string
		err            error
		want           Half // of upstream
		fork           *Half
	}{
		"no defect":           {`{"Defect":false,"Seen":"alive"}`, "", nil, Half{Seen: "alive"}, nil},
		"defect":              {`{"Defect":true,"Seen":"12 of 20"}`, "", nil, Half{Defect: true, Seen: "12 of 20"}, nil},
		"lacks something":     {`{"Seen":"12 of 20","Lacks":"a line"}`, "", nil, Half{Lacks: "a line", Seen: "12 of 20"}, nil},
		"was too late":        {`{"Untried":"3 of 4"}`, "", nil, Half{Untried: "3 of 4"}, nil},
		"died of it":          {"", "noise\nfatal error: concurrent map writes\n\ngoroutine 1", exit, Half{Defect: true, Seen: "the process died: fatal error: concurrent map writes"}, nil},
		"raced":               {`{"Seen":"alive"}`, guilty + raced + "Found 2", exit, Half{Defect: true, Seen: "1 data races", Race: "Read at the.Culprit()\n"}, &Half{Defect: true, Seen: "2 data races", Race: "Read at the.Culprit()\n"}},
		"raced elsewhere":     {`{"Seen":"alive"}`, raced + "Found 1", exit, Half{Seen: "alive (beside 1 data races that the row is not about)"}, &Half{Defect: true, Seen: "1 data races", Race: "Read at\n"}},
		"showed, and raced":   {`{"Defect":true,"Seen":"12 of 20"}`, raced, exit, Half{Defect: true, Seen: "12 of 20 (beside 1 data races that the row is not about)"}, &Half{Defect: true, Seen: "1 data races", Race: "Read at\n"}},
		"raced and died":      {"", raced, exit, Half{Error: "exit status 2"}, &Half{Defect: true, Seen: "1 data races", Race: "Read at\n"}},
		"died of another":     {"", "panic: x", exit, Half{Error: "exit status 2"}, nil},
		"could not run":       {"", "repro: no listener", exit, Half{Error: "exit status 2"}, nil},
		"said nothing":        {"", "", nil, Half{Error: `not a result: ""`}, nil},
		"said it and failed":  {`{"Defect":false,"Seen":"alive"}`, "", exit, Half{Error: "exit status 2"}, nil},
		"quoted it and lived": {`{"Seen":"alive"}`, "fatal error: concurrent map writes", nil, Half{Seen: "alive"}, nil},
	} {
		if got := judge(c, build.Upstream, tt.stdout, tt.stderr, tt.err); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
		want := tt.want
		if tt.fork != nil {
			want = *tt.fork
		}
		if got := judge(c, build.Fork, tt.stdout, tt.stderr, tt.err); got != want {
			t.Errorf("%s, on the fork: got %+v, want %+v", name, got, want)
		}
	}
	// A row that names no race has none.
	if got := judge(testCase{ID: "D19"}, build.Upstream, `{"Seen":"alive"}`, guilty, exit); got.Defect {
		t.Errorf("got %+v", got)
	}
}

func TestRowIsOKOnlyIfBothHalvesAre(t *testing.T) {
	bad, good, broken, lacking, late := Half{Defect: true}, Half{}, Half{Error: "x"}, Half{Lacks: "a line"}, Half{Untried: "x"}
	for _, tt := range []struct {
		upstream, fork Half
		want           bool
	}{{bad, good, true}, {bad, bad, false}, {good, good, false}, {broken, good, false}, {bad, broken, false},
		{bad, lacking, false}, {lacking, good, false}, {bad, late, false}, {late, good, false}} {
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
		"D1 (upstream does not show it: alive)":  {ID: "D1", Upstream: Half{Seen: "alive"}},
		"D1 (the fork lacks a line: alive)":      {ID: "D1", Upstream: Half{Defect: true, Lacks: "a line"}, Fork: Half{Lacks: "a line", Seen: "alive"}},
		"D1 (the fork has it: a data race)":      {ID: "D1", Upstream: Half{Defect: true}, Fork: Half{Defect: true, Seen: "a data race"}},
		"D1 (upstream failed: no port)":          {ID: "D1", Upstream: Half{Error: "no port"}, Fork: Half{Error: "killed"}},
		"D1 (the fork could not be tried: late)": {ID: "D1", Upstream: Half{Defect: true}, Fork: Half{Untried: "late"}},
		"D1 (upstream could not be tried: late)": {ID: "D1", Upstream: Half{Untried: "late"}},
		"D1 (the fork failed: killed)":           {ID: "D1", Upstream: Half{Defect: true}, Fork: Half{Error: "killed"}},
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

// TestForkRunsAsOftenAsUpstreamNeeded, and three times what is a race: a defect that shows in one run of some would be
// missed otherwise.
func TestForkRunsAsOftenAsUpstreamNeeded(t *testing.T) {
	for name, tt := range map[string]struct {
		c               testCase
		upstream, shows int // in which run each shows it; 0 is never
		runs            int
		ok              bool
	}{
		"at once":                {testCase{ID: "D1"}, 1, 0, 2, true},
		"at once, of numbers":    {testCase{ID: "D1", Plain: true}, 1, 0, 1, true},
		"at once, a race":        {testCase{ID: "D1", Fatal: "dead"}, 1, 0, 3, true},
		"after five":             {testCase{ID: "D1"}, 5, 0, 5, true},
		"after five, of both":    {testCase{ID: "D1"}, 5, 4, 4, false},
		"a race, in the third":   {testCase{ID: "D1", Race: "it"}, 1, 3, 3, false},
		"after five, of numbers": {testCase{ID: "D1", Plain: true}, 5, 0, 1, true},
		"never, and not longer":  {testCase{ID: "D1"}, 0, 0, 2, false},
	} {
		dir := t.TempDir()
		programs := map[half]string{}
		for _, h := range []half{{build.Upstream, false}, {build.Upstream, true}, {build.Fork, false}, {build.Fork, true}} {
			shows := map[build.Variant]int{build.Upstream: tt.upstream, build.Fork: tt.shows}[h.variant]
			programs[h] = filepath.Join(dir, fmt.Sprintf("%s-%t", h.variant, h.race))
			script := fmt.Sprintf("#!/bin/sh\ncd %s\nn=$(($(cat %[2]s.n 2>/dev/null || echo 0)+1)); printf $n >%[2]s.n\n"+
				"if [ $n = %[3]d ]; then echo '{\"Defect\":true}'; else echo '{}'; fi\n", dir, h.variant, shows)
			if err := os.WriteFile(programs[h], []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		row, err := runRow(t.Context(), programs, tt.c)
		if err != nil || row.OK() != tt.ok || row.Fork.Runs != tt.runs {
			t.Errorf("%s: %t after %d runs of the fork, %v", name, row.OK(), row.Fork.Runs, err)
		}
	}
}

// TestForkIsTriedAgain where the machine was too slow for the case, and only there.
func TestForkIsTriedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		says  string
		times int // it says so, and then that nothing is wrong
		runs  string
		want  Half
	}{
		"untried once":       {`{"Untried":"late"}`, 1, "3", Half{Runs: 2}},
		"untried for ever":   {`{"Untried":"late"}`, tries, fmt.Sprint(tries), Half{Untried: "late", Runs: 1}},
		"something is wrong": {`{"Lacks":"a line"}`, 1, "1", Half{Lacks: "a line", Runs: 1}},
		"no result":          {`?`, 1, "1", Half{Error: `not a result: "?\n"`, Runs: 1}},
	} {
		dir := t.TempDir()
		program, count := filepath.Join(dir, "repro"), filepath.Join(dir, "count")
		script := fmt.Sprintf("#!/bin/sh\nn=$(($(cat %[1]s 2>/dev/null || echo 0)+1)); printf $n >%[1]s\n"+
			"if [ $n -le %[2]d ]; then echo '%[3]s'; else echo '{}'; fi\n", count, tt.times, tt.says)
		if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		c := testCase{ID: "D1"}
		h, err := runUntil(t.Context(), map[half]string{{build.Fork, false}: program, {build.Fork, true}: program}, c, Half{}, c.leastRuns())
		h.Seconds = 0
		runs, _ := os.ReadFile(count)
		if err != nil || h != tt.want || string(runs) != tt.runs {
			t.Errorf("%s: got %+v after %s runs, %v", name, h, runs, err)
		}
	}
}
