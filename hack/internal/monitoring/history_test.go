package monitoring

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

func TestHistory(t *testing.T) {
	h, err := NewHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	const other, overdue = "# TYPE other gauge\nother 1\n", "# TYPE apiserver_overdue_requests gauge\napiserver_overdue_requests 17\n"
	for _, look := range [][]*dto.MetricFamily{families(t, other), families(t, other+overdue), nil, nil, families(t, overdue)} {
		if err := h.Add(look); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "test.yaml")
	p := fakePromtool(t, `cp $3 `+out)
	if err := p.Fired(context.Background(), dir, h, 1, []string{"A"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"values: _ 17 stale _ 17\n", `apiserver_overdue_requests{instance="live", job="kube-apiserver"}`, `{alertname="A"}`, "eval_time: 4m0s"} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("%q is not in\n%s", want, data)
		}
	}
	if bytes.Contains(data, []byte("other")) {
		t.Errorf("no alert asks for what is in\n%s", data)
	}
	if err := p.Fired(context.Background(), dir, h, 5, nil); err == nil {
		t.Error("a history of nothing but quiet was taken")
	}
}
