// Package fake stands in for etcd and kube-apiserver in tests that are about what surrounds them. A test
// binary that calls Main first becomes one of them when it is started through a link that Binary has made.
package fake

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What a fake does. Its name is the link's.
const (
	Etcd             = "fake-etcd"
	EtcdDies         = "fake-etcd-dies"
	EtcdNoLeader     = "fake-etcd-no-leader" // answers, but serves nothing
	API              = "fake-api"
	APIDies          = "fake-api-dies"            // at once, with a line in its log
	APIDiskFull      = "fake-api-disk-full"       // at once, saying so
	APINeverReady    = "fake-api-never-ready"     // answers 503
	APIStubborn      = "fake-api-stubborn"        // ignores SIGTERM
	APICrashEnd      = "fake-api-crashes-end"     // as D1 does, when it is told to end
	APICrashVersion  = "fake-api-crashes-version" // as D1 does, when asked for its version
	APICrashTimeouts = "fake-api-crashes-load"    // as D1 does, after a few requests with a timeout
)

const (
	// Warnings is how many a pod or a patch is answered with.
	Warnings = 3

	// Service is how long a request takes; one whose timeout is shorter gets a 504.
	Service = 2 * time.Millisecond

	timeoutsToCrash = 40
)

// CrashLine begins what a crashing fake leaves in its log.
const CrashLine = "fatal error: concurrent map writes"

const crash = CrashLine + `

goroutine 77 [running]:
internal/runtime/maps.fatal({0x1, 0x2})
	/somewhere/runtime/panic.go:1181 +0x18
net/http.Header.Add(...)
	/somewhere/net/http/header.go:31
example.org/filters.(*recorder).AddWarning(0xc000, {0x0, 0x0})
	/somewhere/filters/warning.go:110 +0x4c5
created by example.org/finisher.finishRequest in goroutine 76
	/somewhere/finisher.go:92 +0xe6

goroutine 1 [select]:
example.org/main.main()
	/somewhere/main.go:1 +0x1
`

// Binary makes a link to the running test binary, below a directory of the test, which when executed
// behaves as named.
func Binary(t testing.TB, behaviour string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), behaviour)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Main never returns in a process started through one of Binary's links, and at once in any other.
func Main() {
	behaviour := filepath.Base(os.Args[0])
	switch {
	case behaviour == EtcdDies, behaviour == APIDies:
		fmt.Fprintln(os.Stderr, "starting\nError: something is wrong with "+behaviour)
		os.Exit(3)
	case behaviour == APIDiskFull:
		fmt.Fprintln(os.Stderr, "Error: open audit.log: "+syscall.ENOSPC.Error())
		fmt.Fprint(os.Stderr, crash) // as etcd does
		os.Exit(2)
	case strings.HasPrefix(behaviour, Etcd):
		etcd(behaviour)
	case strings.HasPrefix(behaviour, API):
		api(behaviour)
	}
}

func flag(name string) string {
	for _, arg := range os.Args[1:] {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	fail(fmt.Errorf("flag --%s is missing", name))
	return ""
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "Error:", err)
	os.Exit(1)
}

// etcd keeps no data; it says how it is.
func etcd(behaviour string) {
	u, err := url.Parse(flag("listen-client-urls"))
	if err != nil {
		fail(err)
	}
	s := &http.Server{
		Addr: u.Host,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if behaviour == EtcdNoLeader {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprint(w, `{"health":"false","reason":"RAFT NO LEADER"}`)
			}
		}),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	fail(s.ListenAndServeTLS(flag("cert-file"), flag("key-file")))
}

func api(behaviour string) {
	signal.Ignore(syscall.SIGTERM)
	if behaviour != APIStubborn {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		go func() {
			<-told
			if behaviour == APICrashEnd {
				die()
			}
			os.Exit(0)
		}()
	}
	s := &http.Server{
		Addr:    "127.0.0.1:" + flag("secure-port"),
		Handler: &handler{behaviour: behaviour},
		// A client that gives up is no news.
		ErrorLog:  nil,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	fail(s.ListenAndServeTLS(flag("tls-cert-file"), flag("tls-private-key-file")))
}

type handler struct {
	behaviour string
	timeouts  atomic.Int64
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/readyz" && h.behaviour == APINeverReady:
		http.Error(w, "[-]poststarthook/fake failed", http.StatusServiceUnavailable)
	case r.URL.Path == "/readyz":
		fmt.Fprint(w, "ok")
	case r.URL.Path == "/version":
		if h.behaviour == APICrashVersion {
			die()
		}
		fmt.Fprintf(w, `{"gitVersion": "v0.0.0-%s"}`, h.behaviour)
	case r.URL.Query().Has("dryRun"):
		h.dryRun(w, r)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}

func (h *handler) dryRun(w http.ResponseWriter, r *http.Request) {
	took := Service
	if text := r.URL.Query().Get("timeout"); text != "" {
		timeout, err := time.ParseDuration(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if h.timeouts.Add(1) > timeoutsToCrash && h.behaviour == APICrashTimeouts {
			die()
		}
		took = min(took, timeout)
	}
	time.Sleep(took) // the work that the answer takes
	if took < Service {
		w.WriteHeader(http.StatusGatewayTimeout)
		return
	}
	for i := range Warnings {
		w.Header().Add("Warning", fmt.Sprintf(`299 - "warning %d"`, i))
	}
	w.WriteHeader(http.StatusCreated)
}

func die() {
	fmt.Fprint(os.Stderr, crash)
	os.Exit(2)
}
