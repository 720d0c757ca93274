package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fork.internal/apiserver/test/chain"
)

// conn2 is a connection of an HTTP/2 client that does as it is told: it never
// widens the server's window, so that a stream stalls after the first 64 KiB,
// and it may reset streams as it likes.
type conn2 struct {
	conn   *tls.Conn
	framer *http2.Framer
	done   chan struct{} // closed when the server has closed the connection
	pong   chan uint64

	mu      sync.Mutex // for what follows, and for writing
	next    uint32
	pings   uint64
	streams uint32 // the limit that the server has announced
	deaf    bool   // read no more
	encoded bytes.Buffer
	encoder *hpack.Encoder
}

// dial2 connects, and waits for the server's settings.
func dial2(ctx context.Context, s listener) (*conn2, error) {
	config := chain.ClientTLS()
	config.NextProtos = []string{http2.NextProtoTLS}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return nil, err
	}
	c := &conn2{
		conn:   conn.(*tls.Conn),
		framer: http2.NewFramer(conn, conn),
		done:   make(chan struct{}),
		pong:   make(chan uint64, 16),
		next:   1,
	}
	c.encoder = hpack.NewEncoder(&c.encoded)
	if _, err = conn.Write([]byte(http2.ClientPreface)); err == nil {
		err = c.framer.WriteSettings()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	settings := make(chan struct{})
	go c.read(settings)
	if !within(10*time.Second, settings) {
		c.close()
		return nil, fmt.Errorf("the server has sent no settings: is HTTP/2 enabled?")
	}
	return c, nil
}

// read answers what has to be answered, until the connection ends.
func (c *conn2) read(settings chan struct{}) {
	defer close(c.done)
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil || c.isDeaf() {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if f.IsAck() {
				continue
			}
			c.mu.Lock()
			if n, ok := f.Value(http2.SettingMaxConcurrentStreams); ok {
				c.streams = n
			}
			err = c.framer.WriteSettingsAck()
			c.mu.Unlock()
			if settings != nil {
				close(settings)
				settings = nil
			}
		case *http2.PingFrame:
			if f.IsAck() {
				c.pong <- binary.BigEndian.Uint64(f.Data[:])
				continue
			}
			c.mu.Lock()
			err = c.framer.WritePing(true, f.Data)
			c.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// open sends a GET for path, with more headers in pairs, and returns its stream.
func (c *conn2) open(path string, headers ...string) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.encoded.Reset()
	fields := append([]string{":method", "GET", ":scheme", "https", ":authority", "test", ":path", path}, headers...)
	for i := 0; i < len(fields); i += 2 {
		if err := c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			return 0, err
		}
	}
	stream := c.next
	c.next += 2
	return stream, c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: c.encoded.Bytes(), EndStream: true, EndHeaders: true,
	})
}

// reset takes a request back.
func (c *conn2) reset(stream uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
}

// ping waits until the server has read all that was sent so far. It returns
// an error if the connection ends instead.
func (c *conn2) ping() error {
	c.mu.Lock()
	c.pings++
	number := c.pings
	var data [8]byte
	binary.BigEndian.PutUint64(data[:], number)
	err := c.framer.WritePing(false, data)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case got := <-c.pong:
			if got == number {
				return nil
			}
		case <-c.done:
			return fmt.Errorf("the server closed the connection")
		case <-timeout.C:
			return fmt.Errorf("the server did not answer a ping in 10 s")
		}
	}
}

// set changes the client's settings.
func (c *conn2) set(settings ...http2.Setting) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.framer.WriteSettings(settings...)
}

// stopReading leaves in the socket what the server sends from now on, which may
// be as much as that takes in.
func (c *conn2) stopReading() error {
	const window = 1 << 30
	c.mu.Lock()
	c.deaf = true
	// The server acknowledges these, and so wakes the reader.
	err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	if err == nil {
		err = c.framer.WriteWindowUpdate(0, window)
	}
	c.mu.Unlock()
	if err == nil && !within(10*time.Second, c.done) {
		err = fmt.Errorf("the server did not acknowledge the client's settings in 10 s")
	}
	return err
}

func (c *conn2) isDeaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}

// limit is how many streams the server allows at a time.
func (c *conn2) limit() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.streams)
}

// close closes the connection without a word, and waits for its reader.
func (c *conn2) close() {
	c.conn.NetConn().Close()
	<-c.done
}
