package diagnose

import "time"

// rows are what is to be found in each fixture of unmodified upstream; "" is the lines of handlers that went on, which are
// no row, and a question mark is behind what may be another.
var rows = map[string][]string{
	"crash-pod":     {"D1", "D15", ""},
	"crash-patch":   {"D1", "D15", ""},
	"crash-policy":  {"D1", "D15", ""},
	"crash-webhook": {"D1", "D15", ""},
	"timeouts":      {"D5", "D7", "D15", "D23", "D24|D16?", "D31", ""},
	"timeouts-json": {"D5", "D7", "D15", "D23", "D24|D16?", "D31", ""},
	"D1":            {"D1?"},
	"D2":            {"D2"},
	"D3":            {"D3"},
	"D9":            {"D9", "D15", "D26", ""},
	"D15":           {"D15", ""},
	"D16":           {"D24|D16?", "D22", ""},
	"D22":           {"D22", "D15", ""},
	"D23":           {"D23?", ""},
	"D24":           {"D24|D16?", ""},
	"D25":           {"D25", ""},
	"D26":           {"D26", "D15", ""},
	"D27":           {"D27|D32?", ""},
	"D31":           {"D31", "D5", "D24|D16?", ""},
	"D32":           {"D32", "D27|D32?", ""},
	"E14":           {"E14|D17?"},
	"E16":           {"E16|E26?"},
	"E18":           {"E18"},
	"WATCHES":       {"WATCHES"},
}

// besides are what may be found in it too: races that a run wins or loses, and what is done to the server on the way.
var besides = map[string][]string{
	"crash-pod":     {"D26", "D24|D16|D23?", "D15|D16|D24?"},
	"crash-patch":   {"D22", "D26", "D24|D16?"},
	"crash-policy":  {"D22", "D26", "D24|D16?"},
	"crash-webhook": {"D26", "D24|D16|D23?", "D15|D16|D24?"},
	"timeouts":      {"D9", "D22", "D26"},
	"timeouts-json": {"D9", "D22", "D26"},
	"D9":            {"D22"},
	"D15":           {"D22"},
	"D22":           {"D9"},
	"D27":           {"D26"},
}

// timeouts are the servers' --request-timeout, where the log does not say.
var timeouts = map[string]time.Duration{
	"D31": 2 * time.Second,
}
