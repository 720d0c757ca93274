package main

import (
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/conformance"
	"fork.internal/apiserver/hack/internal/kindtest"
)

func TestPrintConformance(t *testing.T) {
	var said strings.Builder
	printConformance(&checkout.Checkout{Out: &said}, &conformance.Report{
		Server: "v1", LeftOut: 11, Logs: "_output/conformance",
		Parts: []kindtest.Part{{Seconds: 50}, {Seconds: 40}},
		Specs: []conformance.Spec{
			{Name: "[sig-a] one", Group: "sig-a", Outcome: conformance.Passed},
			{Name: "[sig-a] two", Group: "sig-a", Outcome: conformance.NoImage, Why: "timed out", Image: "a/b:1"},
			{Name: "[sig-b] three", Group: "sig-b", Outcome: conformance.Differs, Why: "it did"},
		},
	})
	const want = `no image: [sig-a] two
    a/b:1
FAILED: [sig-b] three
    it did

  group  passed  skipped  no image  fails unmodified too  failed once  FAILED
  sig-a       1        0         1                     0            0       0
  sig-b       0        0         0                     0            0       1
    all       1        0         1                     0            0       1

v1 in 1m30s; 11 more are Serial or Disruptive, and left out; logs in _output/conformance
`
	if said.String() != want {
		t.Errorf("got\n%s", said.String())
	}
	said.Reset()
	// A run that was not whole has no table.
	if printConformance(&checkout.Checkout{Out: &said}, &conformance.Report{}); said.Len() > 0 {
		t.Errorf("got %s", said.String())
	}
}
