package lines

import (
	"slices"
	"testing"
)

func TestSplitter(t *testing.T) {
	var s Splitter
	var got []string
	for _, piece := range []string{"a", "", "b\n\nc", "\r\nd\ne"} {
		s.Feed([]byte(piece), func(line []byte) { got = append(got, string(line)) })
	}
	if want := []string{"ab", "", "c\r", "d"}; !slices.Equal(got, want) || s.Rest() != "e" {
		t.Errorf("got %q and %q, want %q", got, s.Rest(), want)
	}
}
