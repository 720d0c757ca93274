package chain_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"fork.internal/apiserver/test/chain"
)

// order is what the clients' process is told to do.
type order struct {
	// Do is "connect", which adds connections that are each used once, or one
	// of what uses them: "load", "timeouts", "stall", and "watch", after which
	// "await" is for what the watches get.
	Do string
	// Proto is "HTTP1" or "HTTP2", and Connections how many; for "connect".
	// Small are those that take in little of what is not read.
	Proto       string
	Connections int
	Small       bool
	// Requests are sent by so many Workers, each one after the other. Of "watch"
	// they are watches, by turns on the connections; of "await", events of each.
	Requests, Workers int
	// Verb is what "load" sends; "timeouts" takes "create" or nothing, which
	// is both of its kinds by turns.
	Verb string
	// Timeout is what "timeouts" asks for: for each request or, if Together
	// is set, for all from the order on, so that they time out at once.
	Timeout  time.Duration
	Together bool
}

// reply is what they report. Err is set if they could not obey, or if an
// answer to "load" was not as it should be.
type reply struct {
	Err string
	// Took is how long "load" took, and Latencies, in ascending order, what
	// its requests did.
	Took      time.Duration
	Latencies []time.Duration
	// Ends are how the requests of "timeouts" ended.
	Ends []end
}

// process is the one that the clients are in.
type process struct {
	b   *testing.B
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// startClients starts the process, which ends with the benchmark.
func startClients(b *testing.B, s *chain.Server) *process {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &process{b: b, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), clientsOf+"="+s.URL)
	p.cmd.Stderr = os.Stderr
	in, errIn := p.cmd.StdinPipe()
	out, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		b.Fatal(err)
	}
	p.in, p.out = in, json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.quit)
	return p
}

// tell has the clients do something, and returns when they have.
func (p *process) tell(o order) reply {
	p.b.Helper()
	var r reply
	if err := json.NewEncoder(p.in).Encode(o); err != nil {
		p.b.Fatalf("the clients' process, told to %s: %v", o.Do, err)
	}
	if err := p.out.Decode(&r); err != nil {
		p.b.Fatalf("the clients' process, told to %s: %v", o.Do, err)
	}
	if r.Err != "" {
		p.b.Fatalf("%s: %s", o.Do, r.Err)
	}
	return r
}

// quit ends the process, and so the connections. It may be called again.
func (p *process) quit() {
	p.in.Close()
	_ = p.cmd.Wait()
}
