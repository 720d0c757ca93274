package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fork.internal/apiserver/hack/internal/checkout"
)

// Report is what has been measured of each level, by number; bench.json holds one. Levels may be of different
// runs.
type Report struct {
	Levels []Level `json:"levels"`
}

// Level is one level, measured in one run.
type Level struct {
	Number int    `json:"level"`
	Title  string `json:"title"`
	Setup  Setup  `json:"setup"`
	Cases  []Case `json:"cases"`
}

// Setup is what was measured, where and when.
type Setup struct {
	CPU        string `json:"cpu"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	OS         string `json:"os"` // such as linux/amd64
	Go         string `json:"go"`
	// Tag is upstream's, Tree the commit that the fork was built from; -dirty when it holds edits.
	Tag    string    `json:"tag"`
	Tree   string    `json:"tree"`
	Date   time.Time `json:"date"`
	Rounds int       `json:"rounds"`
}

func (s Setup) String() string {
	return fmt.Sprintf("%s, GOMAXPROCS=%d, %s, %s; %s, fork at %.12s; %d rounds, %s",
		s.CPU, s.GOMAXPROCS, s.OS, s.Go, s.Tag, s.Tree, s.Rounds, s.Date.Format(time.DateOnly))
}

// put puts a level in the place of what there was of it.
func (r *Report) put(l Level) {
	r.Levels = slices.DeleteFunc(r.Levels, func(old Level) bool { return old.Number == l.Number })
	i, _ := slices.BinarySearchFunc(r.Levels, l.Number, func(old Level, n int) int { return old.Number - n })
	r.Levels = slices.Insert(r.Levels, i, l)
}

// Missed are the goals that are not met, a line each.
func (r Report) Missed() []string {
	var missed []string
	for _, l := range r.Levels {
		for _, c := range l.Cases {
			for _, g := range c.Goals {
				if !g.Met {
					missed = append(missed, fmt.Sprintf("level %d, %s, %s: %s is %.4g, not %s", l.Number, c.Name, c.Unit, g.What, g.Value, g.Bound))
				}
			}
		}
	}
	return missed
}

// The files of a report.
const (
	dataName  = "bench.json"
	chartName = "bench.svg"
	tableName = "bench.txt"
)

// Dir is where the results are.
func Dir(co *checkout.Checkout) string { return filepath.Join(co.Output(), "bench") }

// published is where what the README shows is.
func published(co *checkout.Checkout) string { return filepath.Join(co.Root, "test", "bench") }

// load returns an empty report when there is none.
func load(co *checkout.Checkout) (*Report, error) {
	name := filepath.Join(Dir(co), dataName)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Report{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s is not what `make bench` writes: %w; remove it and measure again", co.Rel(name), err)
	}
	return r, nil
}

// save writes the data, the chart and the table.
func (r *Report) save(co *checkout.Checkout) error {
	var data bytes.Buffer
	enc := json.NewEncoder(&data)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return err
	}
	chart, err := r.chart()
	if err != nil {
		return err
	}
	var table bytes.Buffer
	for _, l := range r.Levels {
		if err := l.WriteTable(&table); err != nil {
			return err
		}
		table.WriteByte('\n')
	}
	for name, content := range map[string][]byte{dataName: data.Bytes(), chartName: chart, tableName: table.Bytes()} {
		if err := replace(filepath.Join(Dir(co), name), content); err != nil {
			return err
		}
	}
	return nil
}

// Publish copies the data, the chart and the table of all levels to where they are committed and the README shows
// them.
func Publish(co *checkout.Checkout) error {
	r, err := load(co)
	if err != nil {
		return err
	}
	for _, l := range levels {
		if !slices.ContainsFunc(r.Levels, func(have Level) bool { return have.Number == l.number }) {
			return fmt.Errorf("level %d has not been measured: `make bench LEVEL=%d` does that, then publish", l.number, l.number)
		}
	}
	if err := r.save(co); err != nil { // in this version's form
		return err
	}
	for _, name := range []string{dataName, chartName, tableName} {
		data, err := os.ReadFile(filepath.Join(Dir(co), name))
		if err != nil {
			return err
		}
		to := filepath.Join(published(co), name)
		if err := replace(to, data); err != nil {
			return err
		}
		fmt.Fprintln(co.Out, co.Rel(to))
	}
	return nil
}

// replace writes a file whole or not at all.
func replace(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	tmp := name + ".new"
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
