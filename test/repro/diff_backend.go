package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
)

// thingsPath is what a backend serves, behind a proxy such as kube-aggregator's.
const thingsPath = "/apis/things.example/v1/namespaces/default/things"

// backend is a server on loopback on which requests play their acts: it
// answers, hangs, gives informational statuses, or breaks off.
type backend struct {
	*httptest.Server
	http.Handler // its proxy, as kube-aggregator has it
	transport    *http.Transport
}

func (c *cast) startBackend() (*backend, error) {
	b := &backend{
		Server: httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := c.exchanges[r.Header.Get(auditinternal.HeaderAuditID)]
			if x == nil {
				http.NotFound(w, r)
				return
			}
			if x.answer%4 == 0 {
				w.WriteHeader(http.StatusEarlyHints)
			}
			c.answer(x, w, r, inBackend)
		})),
		transport: &http.Transport{ExpectContinueTimeout: time.Second, DisableCompression: true},
	}
	silent := log.New(io.Discard, "", 0) // It breaks off on purpose.
	b.Config.ErrorLog = silent
	b.Start()
	location, err := url.Parse(b.URL)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(location)
	proxy.Transport, proxy.FlushInterval, proxy.ErrorLog = b.transport, 200*time.Millisecond, silent
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
	b.Handler = proxy
	return b, nil
}

// close ends the backend, and what it is doing.
func (b *backend) close() {
	b.transport.CloseIdleConnections()
	b.CloseClientConnections()
	b.Close()
}
