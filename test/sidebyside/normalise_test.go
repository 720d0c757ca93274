package sidebyside

import (
	"strings"
	"testing"
)

// TestNormalise has two texts of each kind that two runs may differ in, and one that they may not.
func TestNormalise(t *testing.T) {
	first := &normaliser{versions: []string{"v1.2.3+deadline.4.abc", "v1.2.3"}}
	second := &normaliser{versions: []string{"v1.2.3"}}
	for name, test := range map[string]struct{ a, b, other string }{
		"version":    {`{"gitVersion":"v1.2.3+deadline.4.abc"}`, `{"gitVersion":"v1.2.3"}`, `{"gitVersion":"v1.2.4"}`},
		"time":       {`"2026-01-02T03:04:05Z"`, `"2027-11-12T13:14:15.123456Z"`, `"soon"`},
		"date":       {"Sat, 28 Nov 2026 20:15:01 GMT", "Sun, 29 Nov 2026 01:00:00 GMT", "never"},
		"uid":        {`"uid":"23d0938f-6c01-4c76-90d1-2c523c824ba9"`, `"uid":"cb697b6f-bbe7-4979-8c6c-cfbd3d6a31f3"`, `"uid":"side"`},
		"version-rv": {`"resourceVersion":"1"`, `"resourceVersion":"22"`, `"resourceVersion":""`},
		"rv-yaml":    {`resourceVersion: "1"`, `resourceVersion: "22"`, `resourceVersion: ""`},
		"rv-query":   {`?resourceVersion=1&a`, `?resourceVersion=22&a`, `?resourceVersion=x&a`},
		"rv-escaped": {`\\\"resourceVersion\\\":\\\"1\\\"`, `\\\"resourceVersion\\\":\\\"22\\\"`, `\\\"resourceVersion\\\":\\\"\\\"`},
		"rv-message": {"too old resource version: 1 (345)", "too old resource version: 12 (3)", "too old resource"},
		"rv-large":   {"Too large resource version: 9, current: 345", "Too large resource version: 9, current: 3", "Too large resource version: 9"},
		"continue":   {`"continue":"eyJ2IjoibWV0YS5rOHMuaW8vdjEi"`, `"continue":"eyJ2IjoibWV0YS5rOHMuaW8vdjIi"`, `"continue":""`},
		"port":       {"127.0.0.1:1234", "127.0.0.1:5", "127.0.0.2:5"},
		"generated":  {`"name":"gen-x2b4q"`, `"name":"gen-bbbbb"`, `"name":"gen-"`},
		"age":        {`"cells":["one","5s"]`, `"cells":["one","1m3s"]`, `"cells":["one","ages"]`},
		"binding": {`"authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"a\" of x","b":"c"`,
			`"authorization.k8s.io/reason":"RBAC: allowed by RoleBinding \"d\"","b":"c"`, `"authorization.k8s.io/reason":"","b":"c"`},
		"managed": {`{"managedFields":[{"a":"]"},{"b":[1]}],"c":1}`, `{"managedFields":[{"b":[1]},{"a":"]"}],"c":1}`, `{"managedFields":[{"b":[1]}],"c":1}`},
		"stream":  {"stream error: stream ID 3; X", "stream error: stream ID 17; X", "stream error: X"},
	} {
		a, b, other := first.text(test.a), second.text(test.b), second.text(test.other)
		if a != b {
			t.Errorf("%s: got %q and %q", name, a, b)
		}
		if a == other {
			t.Errorf("%s: %q and %q are both %q", name, test.a, test.other, a)
		}
	}
	for _, keep := range []string{`{"code":404,"message":"configmaps \"one\" not found"}`, "text/plain; charset=utf-8", `{"managedFields":[{"a":1}`} {
		if got := first.text(keep); got != keep {
			t.Errorf("%q became %q", keep, got)
		}
	}
}

func TestNormaliseHeader(t *testing.T) {
	n := &normaliser{}
	if a, b := n.header("Content-Length", []string{"12"}, 12), n.header("Content-Length", []string{"7"}, 7); a != b {
		t.Errorf("got %q and %q", a, b)
	}
	if got := n.header("Content-Length", []string{"12"}, 13); got != "12" {
		t.Errorf("a length that is not the body's became %q", got)
	}
	if a, b := n.header("Warning", []string{"a", "b"}, 0), n.header("Warning", []string{"a, b"}, 0); a == b {
		t.Errorf("two values and one are both %q", a)
	}
}

func TestProtobuf(t *testing.T) {
	n := &normaliser{}
	dump := n.body(typeProtobuf, []byte(configMapProto("one", "the value")))
	for _, want := range []string{`"v1"`, `"ConfigMap"`, `"one"`, `"the value"`} {
		if !strings.Contains(dump, want) {
			t.Errorf("%s is not in\n%s", want, dump)
		}
	}
	if other := n.body(typeProtobuf, []byte(configMapProto("one", "another"))); other == dump {
		t.Error("another value is not seen")
	}
	uid := func(s string) string {
		return n.body(typeProtobuf, append([]byte("k8s\x00"), protoField(2, protoField(1, protoField(5, []byte(s))))...))
	}
	if a, b := uid("23d0938f-6c01-4c76-90d1-2c523c824ba9"), uid("cb697b6f-bbe7-4979-8c6c-cfbd3d6a31f3"); a != b {
		t.Errorf("UIDs are not normalised:\n%s%s", a, b)
	}
	frame := func(s string) []byte { return append([]byte{0, 0, 0, byte(len(s))}, s...) }
	watch := append(frame(string(protoField(1, []byte("ADDED")))), frame(string(protoField(1, []byte("DELETED"))))...)
	if got := dumpProtobuf(watch); strings.Count(got, "frame\n") != 2 || !strings.Contains(got, `"DELETED"`) {
		t.Errorf("two frames are\n%s", got)
	}
	if got := dumpProtobuf([]byte("\xff\xff")); got != "\"\\xff\\xff\"\n" {
		t.Errorf("what is no protobuf is %q", got)
	}
}
