// Package traffic is what the clients of a kube-apiserver under test send it, what comes of it, and what they and its
// operators may expect: whole answers in time, watches that miss nothing, and an audit log that says what the clients saw.
package traffic

import (
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
)

// Protocols are what everything is tried over.
var Protocols = []string{"HTTP/1.1", "HTTP/2"}

// Clients send requests to one server. Their methods may be called from several goroutines, and so must be what its fields
// call.
type Clients struct {
	// URL is the server's, without a trailing slash.
	URL string
	// HTTP are clients with the same rights, by protocol.
	HTTP map[string]*http.Client
	// Keep gets each exchange when it is over.
	Keep func(*Exchange)
	// Wrongf gets what a client may not expect.
	Wrongf func(format string, args ...any)
}

// NewClients are clients with that configuration. Keep and Wrongf are the caller's to set.
func NewClients(conf *rest.Config) (*Clients, error) {
	c := &Clients{URL: conf.Host, HTTP: map[string]*http.Client{}}
	for _, proto := range Protocols {
		conf := rest.CopyConfig(conf)
		conf.DisableCompression = true
		if proto == "HTTP/1.1" {
			conf.NextProtos = []string{"http/1.1"}
		}
		var err error
		if c.HTTP[proto], err = rest.HTTPClientFor(conf); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// CloseIdle closes the connections that nobody uses.
func (c *Clients) CloseIdle() {
	for _, each := range c.HTTP {
		each.CloseIdleConnections()
	}
}

// Together calls f n times for each protocol, all at once, and returns when the last has returned.
func Together(n int, f func(proto string, i int)) {
	var wg sync.WaitGroup
	for _, proto := range Protocols {
		for i := range n {
			wg.Go(func() { f(proto, i) })
		}
	}
	wg.Wait()
}
