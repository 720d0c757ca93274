package chain

import (
	"context"
	"net/http"
	"sync"

	"k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
)

// Running is a whole GenericAPIServer that runs, and so can be shut down.
type Running struct {
	*Server

	// Done is closed when RunWithContext has returned, and Err is what.
	Done chan struct{}
	Err  error

	shutdown context.CancelFunc
}

// making is held while a server is made: on v0.32 that writes to the version, which all of a process share.
var making sync.Mutex

// Run runs a GenericAPIServer with that chain, which serves the handler below
// /api/, /apis/ and /scripted/, until Stop is called. Its shutdown timeout is its request timeout.
func Run(c Config) (*Running, error) {
	s := newServer()
	config, err := s.configure(c)
	if err != nil {
		return nil, err
	}
	if config.SecureServing, err = s.listen(c); err != nil {
		return nil, err
	}
	config.LoopbackClientConfig = &rest.Config{}
	setVersion(config)
	config.BuildHandlerChainFunc = func(handler http.Handler, config *server.Config) http.Handler {
		handler = server.DefaultBuildHandlerChain(handler, config)
		if c.Outside != nil {
			handler = c.Outside(handler)
		}
		return handler
	}
	making.Lock()
	generic, err := config.Complete(nil).New("test", server.NewEmptyDelegate())
	making.Unlock()
	if err != nil {
		return nil, err
	}
	for _, prefix := range []string{"/api/", "/apis/", "/scripted/"} {
		generic.Handler.NonGoRestfulMux.HandlePrefix(prefix, c.Handler)
	}

	ctx, shutdown := context.WithCancel(context.Background())
	r := &Running{Server: s, Done: make(chan struct{}), shutdown: shutdown}
	prepared := generic.PrepareRun()
	go func() {
		defer close(r.Done)
		r.Err = prepared.RunWithContext(ctx)
	}()
	return r, nil
}

// Stop begins the graceful shutdown, as SIGTERM does. Done tells of its end.
func (r *Running) Stop() { r.shutdown() }
