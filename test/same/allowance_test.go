package main

import "testing"

// TestRecordsThatAnEntryAllowsAreOneEach so that a row about their status does not allow two of them, or none.
func TestRecordsThatAnEntryAllowsAreOneEach(t *testing.T) {
	for name, tt := range map[string]struct {
		field, value string
		want         bool
	}{
		"an event":               {"audit", "RequestReceived\nResponseComplete 200   \"\"", true},
		"two":                    {"audit", "RequestReceived\nResponseComplete 200   \"\"\nResponseComplete 200   \"\"", false},
		"one, and of its start":  {"audit", "RequestReceived\nResponseStarted 200   \"\"\nResponseComplete 200   \"\"", true},
		"none":                   {"audit", "RequestReceived", false},
		"nothing":                {"audit", "", false},
		"of another status":      {"audit", "RequestReceived\nResponseComplete 103   \"\"", false},
		"a line":                 {"log", "resp=200", true},
		"two lines":              {"log", "resp=200\nresp=200", false},
		"no line":                {"log", "", false},
		"a line of another code": {"log", "resp=103", false},
	} {
		c := kase{&scenario{Name: "1xx-103", Handler: []string{"status 103", "status 200"}}, http11}
		v := seenValue{c, tt.field, tt.value, map[string][]string{}, values{"status": {fork: {"HTTP/1.1 200 OK"}}}}
		allowed := false
		for _, a := range allowances {
			allowed = allowed || a.about(c, tt.field) && a.allows(v)
		}
		if allowed != tt.want {
			t.Errorf("%s is allowed: %t", name, allowed)
		}
	}
}
