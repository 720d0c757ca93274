// Package rhythm is how streams are used that last for long: those who send talk, and are silent for longer than any
// deadline of the server's, in turn.
package rhythm

import (
	"fmt"
	"strings"
	"time"
)

const (
	// talk is for how long it is talked at a time, and rest by how much a silence is longer than a request may take.
	talk = 30 * time.Second
	rest = 10 * time.Second

	// PerSecond is how many lines are said in a second of talking.
	PerSecond = 20

	// Last is the line that ends what Program and Loud print.
	Last = "end\n"

	// Stop is the file at which they end.
	Stop = "/www/stop"
)

// Rhythm is talking and silence, in turn, in whole seconds.
type Rhythm struct{ Talk, Silence time.Duration }

// For is that of a server whose --request-timeout is given.
func For(requestTimeout time.Duration) Rhythm {
	return Rhythm{Talk: talk, Silence: requestTimeout.Round(time.Second) + rest}
}

// Least is how long a stream lasts, at least, that talks before and after a silence.
func (r Rhythm) Least() time.Duration { return 2*r.Talk + r.Silence }

// Talks is whether it is talked at that time after the beginning.
func (r Rhythm) Talks(after time.Duration) bool { return after%(r.Talk+r.Silence) < r.Talk }

// filler makes lines long, and Loud's longer: a node's log has some 40 bytes more for each.
var filler, loudFiller = strings.Repeat("abcdefghij", 10), strings.Repeat("0123456789", 100)

// Line is a line of Program's, with its end; the first is 0.
func Line(i int) []byte { return fmt.Appendf(nil, "%d %s\n", i, filler) }

// LoudLine is a line of Loud's.
func LoudLine(i int) []byte { return fmt.Appendf(nil, "%d %s\n", i, loudFiller) }

// Program is one for a shell. It prints lines in the rhythm, for as long as there is no file Stop, and then Last.
func (r Rhythm) Program() string {
	return fmt.Sprintf(`p=%s; i=0; s=0
while [ ! -e %s ]; do
  n=0
  while [ $((s %% %d)) -lt %d ] && [ $n -lt %d ]; do echo "$i $p"; i=$((i+1)); n=$((n+1)); done
  s=$((s+1)); sleep 1
done
printf '%s'`, filler, Stop, int((r.Talk+r.Silence)/time.Second), int(r.Talk/time.Second), PerSecond, strings.ReplaceAll(Last, "\n", `\n`))
}

// Loud is a program for a shell that prints lines as fast as it can, n of them, and Last when there is a file Stop.
func Loud(n int) string {
	return fmt.Sprintf(`p=%s; i=0
while [ $i -lt %d ]; do echo "$i $p"; i=$((i+1)); done
while [ ! -e %s ]; do sleep 1; done
printf '%s'`, loudFiller, n, Stop, strings.ReplaceAll(Last, "\n", `\n`))
}
