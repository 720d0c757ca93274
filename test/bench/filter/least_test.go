package filter

import (
	"maps"
	"net/http"
	"net/url"
	"sync"
)

// least is what no filter can do without that isolates a handler: the copies
// of its request and of the header maps, and the way to another goroutine,
// which is there already, and back. It ends nothing and guards nothing; what
// it costs is how far a filter of this kind can come down.
type least struct {
	handler http.Handler

	mu   sync.Mutex
	idle []*goroutine // guarded by mu
}

// goroutine is a handler goroutine that is given one exchange at a time.
type goroutine struct {
	next chan *exchange
	done chan struct{}
}

// exchange is the handler's own.
type exchange struct {
	w      http.ResponseWriter
	header http.Header
	r      http.Request
	url    url.URL
}

func withLeast(handler http.Handler) http.Handler { return &least{handler: handler} }

func (l *least) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := &exchange{w: w, header: w.Header().Clone(), r: *r, url: *r.URL}
	e.r.Header, e.r.URL = r.Header.Clone(), &e.url
	next := l.take()
	next.next <- e
	<-next.done
	l.mu.Lock()
	l.idle = append(l.idle, next)
	l.mu.Unlock()
}

// take returns an idle one, or a new one, which stays until the program ends.
func (l *least) take() *goroutine {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.idle) - 1; n >= 0 {
		next := l.idle[n]
		l.idle = l.idle[:n]
		return next
	}
	next := &goroutine{next: make(chan *exchange, 1), done: make(chan struct{}, 1)}
	go func() {
		for e := range next.next {
			l.handler.ServeHTTP(e, &e.r)
			next.done <- struct{}{}
		}
	}()
	return next
}

func (e *exchange) Header() http.Header         { return e.header }
func (e *exchange) Write(p []byte) (int, error) { return e.w.Write(p) }

func (e *exchange) WriteHeader(status int) {
	header := e.w.Header()
	clear(header)
	maps.Copy(header, e.header.Clone())
	e.w.WriteHeader(status)
}
