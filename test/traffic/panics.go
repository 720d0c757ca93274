package traffic

import (
	"bytes"
	"fmt"
	"os"
)

// panics are what a kube-apiserver's log has of crashes, races and panics, of which those that are recovered show nowhere else.
var panics = []string{"fatal error:", "WARNING: DATA RACE", "Observed a panic", "panic serving", "apiserver panic'd"}

// Panics says which of them are in a log.
func Panics(log string) (found []string, err error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	for _, words := range panics {
		if n := bytes.Count(text, []byte(words)); n > 0 {
			found = append(found, fmt.Sprintf("%q is %d times in %s", words, n, log))
		}
	}
	return found, nil
}
