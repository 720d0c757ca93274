/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair is the two ends of a connection, and the server's as l has it.
func pair(t *testing.T, with func(net.Listener) net.Listener) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	_ = client.(*net.TCPConn).SetReadBuffer(16 << 10) // And no more, however long it lasts.
	if server, err = with(l).Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	_ = server.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(16 << 10)
	return server, client
}

// fillUp writes to a client that does not read, until a deadline stops it with no room for a byte more.
func fillUp(t *testing.T, conn net.Conn, deadline func(time.Time)) (written int) {
	t.Helper()
	for _, size := range []int{1 << 20, 1, 1} {
		deadline(time.Now().Add(50 * time.Millisecond))
		for chunk := make([]byte, size); ; {
			n, err := conn.Write(chunk)
			if written += n; errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				t.Fatalf("a write got %v", err)
			}
		}
	}
	return written
}

// TestDeadlinesOfOthers compares what becomes of a connection on which a write has been stopped by somebody else's
// deadline with what becomes of one without any of this: the client gets all that was written.
func TestDeadlinesOfOthers(t *testing.T) {
	config := httptest.NewUnstartedServer(nil)
	config.StartTLS()
	certificates := config.TLS.Certificates
	config.Close()
	for name, stop := range map[string]func(t *testing.T, server, client net.Conn) int{
		"SetWriteDeadline": func(t *testing.T, server, _ net.Conn) int {
			return fillUp(t, server, func(by time.Time) { _ = server.SetWriteDeadline(by) })
		},
		"SetDeadline": func(t *testing.T, server, _ net.Conn) int {
			return fillUp(t, server, func(by time.Time) { _ = server.SetDeadline(by) })
		},
		"one in the place of a boundary's": func(t *testing.T, server, _ net.Conn) int {
			_ = (&connection{Conn: server}).SetWriteDeadline(time.Now().Add(time.Hour))
			return fillUp(t, server, func(by time.Time) { _ = server.SetWriteDeadline(by) })
		},
		"crypto/tls's, when it says goodbye": func(t *testing.T, server, client net.Conn) int {
			conn := tls.Server(server, &tls.Config{Certificates: certificates})
			met := make(chan error, 1)
			go func() { met <- tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake() }() //nolint:gosec // The client is not what is tried.
			if err := errors.Join(conn.Handshake(), <-met); err != nil {
				t.Fatal(err)
			}
			written := fillUp(t, server, func(by time.Time) { _ = server.SetWriteDeadline(by) })
			_ = server.SetWriteDeadline(time.Time{})
			conn.Close() // This takes 5 s.
			return written
		},
	} {
		for kind, with := range map[string]func(net.Listener) net.Listener{
			"net's": func(l net.Listener) net.Listener { return l }, "ours": Listener,
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				server, client := pair(t, with)
				written := stop(t, server, client)
				server.Close()
				// After a handshake there may be more than was written.
				if got, err := io.Copy(io.Discard, client); got < int64(written) || err != nil {
					t.Errorf("the client got %d of %d, %v", got, written, err)
				}
			})
		}
	}
}

// TestWriteDeadlineOfABoundary closes the connection when it stops a write, and what the client has not got then it does not get.
func TestWriteDeadlineOfABoundary(t *testing.T) {
	server, client := pair(t, Listener)
	conn := &connection{Conn: server}
	written := fillUp(t, server, func(by time.Time) { _ = server.SetWriteDeadline(by) })
	_ = conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
	n, err := server.Write(make([]byte, 1<<20))
	if written += n; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write got %v", err)
	}
	if _, err := server.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it is not closed: %v", err)
	}
	got, err := io.Copy(io.Discard, client)
	if got >= int64(written) || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %d of %d, %v", got, written, err)
	}
}
