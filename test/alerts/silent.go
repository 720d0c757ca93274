package alerts

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/cluster"
)

// silent are connections that ask, and read nothing of what they are answered. It may be used by several goroutines.
type silent struct {
	mu  sync.Mutex
	all []net.Conn
}

// watch asks for a watch, over HTTP/1.1.
func (s *silent) watch(ctx context.Context, cl *cluster.Cluster) error {
	c, err := s.dial(ctx, cl, "http/1.1")
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("GET /api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	return err
}

// list asks for a list over HTTP/2, with windows that are wide open, and runs out of time.
func (s *silent) list(ctx context.Context, cl *cluster.Cluster) error {
	c, err := s.dial(ctx, cl, http2.NextProtoTLS)
	if err != nil {
		return err
	}
	const open = 1 << 30
	var b, header bytes.Buffer
	enc := hpack.NewEncoder(&header)
	for _, f := range [][2]string{
		{":method", http.MethodGet}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/api/v1/namespaces/default/configmaps?timeout=1s"},
	} {
		if err := enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	b.WriteString(http2.ClientPreface)
	fr := http2.NewFramer(&b, nil)
	for _, err := range []error{
		fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: open}),
		fr.WriteWindowUpdate(0, open),
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header.Bytes(), EndHeaders: true, EndStream: true}),
	} {
		if err != nil {
			return err
		}
	}
	_, err = c.Write(b.Bytes())
	return err
}

func (s *silent) dial(ctx context.Context, cl *cluster.Cluster, protocol string) (net.Conn, error) {
	conf, err := rest.TLSConfigFor(cl.RESTConfig())
	if err != nil {
		return nil, err
	}
	conf.NextProtos = []string{protocol}
	conf.ServerName = "localhost"
	c, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", strings.TrimPrefix(cl.URL(), "https://"))
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*tls.Conn).NetConn().(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c)
	return c, nil
}

func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all {
		c.Close()
	}
}
