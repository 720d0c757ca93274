// Package traffic is what the clients of a kube-apiserver under test send it, what comes of it, and what they and its
// operators may expect: whole answers in time, watches that miss nothing, and an audit log that says what the clients saw.
package traffic

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

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

// NewClientsBy are clients with that configuration and connections of their own, which the dialer makes.
func NewClientsBy(conf *rest.Config, d *net.Dialer) (*Clients, error) {
	conf = rest.CopyConfig(conf)
	// Without one of theirs they share connections with all of the same configuration.
	conf.Dial = d.DialContext
	return NewClients(conf)
}

// CloseIdle closes the connections that nobody uses.
func (c *Clients) CloseIdle() {
	for _, each := range c.HTTP {
		each.CloseIdleConnections()
	}
}

// ConfigMaps is the path of a namespace's config maps.
func ConfigMaps(ns string) string { return "/api/v1/namespaces/" + ns + "/configmaps" }

// NewMap is a config map of which the server chooses the name.
func NewMap() io.Reader {
	return strings.NewReader(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"x-"}}`)
}

// Pause reports whether the time has passed before ctx ended.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
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
