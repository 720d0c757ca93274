// Package chain serves an http.Handler behind apiserver's own
// DefaultBuildHandlerChain, on a real TLS listener, as SecureServingInfo does:
// everything a request crosses in kube-apiserver on its way to the handlers.
package chain

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"time"

	"golang.org/x/net/http2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditpolicy "k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/filters"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	certutil "k8s.io/client-go/util/cert"
)

// Config is what a test chooses; the rest is as in kube-apiserver.
type Config struct {
	// Handler stands where the API handlers do, behind the whole chain.
	Handler http.Handler

	// RequestTimeout is the server's own. 0 means 60 s, kube-apiserver's default.
	RequestTimeout time.Duration

	// Authenticate replaces an authenticator that lets everybody in.
	Authenticate func(*http.Request) (*authenticator.Response, bool, error)

	// Build replaces DefaultBuildHandlerChain, for a chain of somebody's own.
	Build func(http.Handler, *server.Config) http.Handler

	// Outside, if set, wraps the whole chain: it sees what net/http sees of it.
	Outside func(http.Handler) http.Handler

	// SendBuffer, if set, is about how many bytes the kernel takes in on each
	// connection that the client has not. On loopback it takes megabytes.
	SendBuffer int

	// Accepted, if set, is called with each connection that the server accepts,
	// below TLS.
	Accepted func(net.Conn)

	// StallTime, if set, is the fork's --stalled-connection-timeout. Upstream has none.
	StallTime time.Duration

	// WatchWriteTimeout, if set, is the fork's --watch-write-timeout. Upstream has none.
	WatchWriteTimeout time.Duration

	// Modify may change the server's configuration before the chain is built.
	Modify func(*server.Config)
}

// Server is a chain that is being served.
type Server struct {
	// URL is where, without a path.
	URL string
	// Codecs know metav1.Status and the other types of apimachinery.
	Codecs serializer.CodecFactory

	Audit *AuditLog

	stop     chan struct{}
	stopped  []<-chan struct{}
	listener net.Listener
}

// Start serves the chain until Stop is called.
func Start(c Config) (*Server, error) {
	s := newServer()
	config, err := s.configure(c)
	if err != nil {
		return nil, err
	}
	build := server.DefaultBuildHandlerChain
	if c.Build != nil {
		build = c.Build
	}
	handler := build(c.Handler, config)
	if c.Outside != nil {
		handler = c.Outside(handler)
	}
	info, err := s.listen(c)
	if err != nil {
		return nil, err
	}
	return s, s.serve(info, handler)
}

// Serve serves a handler, or a chain of somebody's own, as Start does its chain.
func Serve(handler http.Handler) (*Server, error) {
	s := newServer()
	info, err := s.listen(Config{})
	if err != nil {
		return nil, err
	}
	return s, s.serve(info, handler)
}

func newServer() *Server {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return &Server{Codecs: serializer.NewCodecFactory(scheme), Audit: &AuditLog{}, stop: make(chan struct{})}
}

// configure makes the configuration of a server with that chain.
func (s *Server) configure(c Config) (*server.Config, error) {
	config := server.NewConfig(s.Codecs)
	config.FeatureGate = utilfeature.DefaultFeatureGate
	config.RequestInfoResolver = server.NewRequestInfoResolver(config)
	config.LongRunningFunc = filters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	config.Authentication.Authenticator = authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, true, nil
	})
	if c.Authenticate != nil {
		config.Authentication.Authenticator = authenticator.RequestFunc(c.Authenticate)
	}
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	config.AuditBackend = s.Audit
	config.AuditPolicyRuleEvaluator = auditpolicy.NewFakePolicyRuleEvaluator(auditinternal.LevelMetadata, nil)
	if c.RequestTimeout > 0 {
		config.RequestTimeout = c.RequestTimeout
	}
	if f := reflect.ValueOf(config).Elem().FieldByName("WatchWriteTimeout"); f.IsValid() && c.WatchWriteTimeout != 0 {
		f.SetInt(int64(c.WatchWriteTimeout))
	}
	if c.Modify != nil {
		c.Modify(config)
	}
	if config.RequestInfoResolver == nil {
		return nil, fmt.Errorf("the configuration has no RequestInfoResolver: Modify must not take it away")
	}
	return config, nil
}

// listen takes a port, on which clients wait until it is served.
func (s *Server) listen(c Config) (*server.SecureServingInfo, error) {
	cert, key, err := certificate()
	if err != nil {
		return nil, err
	}
	provider, err := dynamiccertificates.NewStaticCertKeyContent("test", cert, key)
	if err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if c.SendBuffer > 0 {
		s.listener = smallBuffers{s.listener, c.SendBuffer}
	}
	if c.Accepted != nil {
		s.listener = accepting{s.listener, c.Accepted}
	}
	s.URL = "https://" + s.listener.Addr().String()
	info := &server.SecureServingInfo{Listener: s.listener, Cert: provider}
	if f := reflect.ValueOf(info).Elem().FieldByName("StalledConnectionTimeout"); f.IsValid() && c.StallTime != 0 {
		f.SetInt(int64(c.StallTime))
	}
	return info, nil
}

func (s *Server) serve(info *server.SecureServingInfo, handler http.Handler) error {
	stopped, listenerStopped, err := info.Serve(handler, 5*time.Second, s.stop)
	if err != nil {
		return err
	}
	s.stopped = []<-chan struct{}{stopped, listenerStopped}
	return nil
}

// smallBuffers bounds the kernel's buffers for what is sent.
type smallBuffers struct {
	net.Listener
	bytes int
}

// Accept makes the buffer of what is accepted small.
func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(l.bytes) // It fails for a client that has gone again.
	}
	return conn, err
}

// accepting tells of what it accepts.
type accepting struct {
	net.Listener
	accepted func(net.Conn)
}

// Accept tells of what is accepted.
func (l accepting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted(conn)
	}
	return conn, err
}

// Addr is the address that is listened on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Stop ends the server, waiting 5 s at most for the requests under way.
func (s *Server) Stop() {
	close(s.stop)
	for _, done := range s.stopped {
		<-done
	}
}

// Client returns a client with connections of its own, which speaks that
// protocol, "HTTP/1.1" or "HTTP/2.0", and gives up a request after a minute.
func (s *Server) Client(proto string) *http.Client {
	config := ClientTLS()
	if proto == "HTTP/2.0" {
		return &http.Client{Transport: &http2.Transport{TLSClientConfig: config}, Timeout: time.Minute}
	}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: config,
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
}

// ClientTLS is a configuration for clients of a Server: its certificate is
// made for the occasion, and there is nobody in between.
func ClientTLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// certificate returns a key pair for 127.0.0.1.
func certificate() (cert, key []byte, err error) {
	return certutil.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
}
