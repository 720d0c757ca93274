package ha

import (
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	a, b, c := event{1, "ADDED", "a"}, event{2, "MODIFIED", "a"}, event{3, "DELETED", "a"}
	want := []event{a, b, c}
	for _, test := range []struct {
		got  []event
		want string
	}{
		{[]event{a, b, c}, ""},
		{[]event{a, c}, "1 of 3 events did not come, the first of them MODIFIED a at 2"},
		{nil, "3 of 3 events did not come"},
		{[]event{a, b, b, c}, "1 events came twice, or never were, one of them MODIFIED a at 2"},
		{[]event{a, b, c, {9, "ADDED", "x"}}, "never were, one of them ADDED x at 9"},
		{[]event{a, c, b}, "another order"},
	} {
		got := compare(want, test.got)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%v: %q, want %q", test.got, got, test.want)
		}
	}
	all := watched([]*watcher{{seen: want, blind: 2e9}, {seen: want[:1]}}, want)
	if all.Wrong != 1 || all.Watches != 2 || all.Blind != 2 || all.Example == "" {
		t.Errorf("%+v", all)
	}
}
