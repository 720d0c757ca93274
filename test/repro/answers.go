package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "ANSWERS",
		Title: "not every request that times out is answered, nor with a complete 504, nor soon",
		Plain: true,
		run:   answersAtDeadline,
	})
}

// way is one in which a request runs out of time.
type way struct {
	name, method, path, auth string
	body                     string // what the client sends of it
	length                   int    // what it has announced
}

// waysToTimeOut are all below the same timeout but the last one, which has its
// answer at once: what stalls, over HTTP/1.1, is its delivery.
var waysToTimeOut = []way{
	{name: "a handler that heeds its deadline", method: "GET", path: "/api/heed"},
	{name: "a handler that does not", method: "GET", path: "/api/ignore"},
	{name: "a create", method: "POST", path: chain.PodsPath, body: chain.Pod("a"), length: len(chain.Pod("a"))},
	{name: "an unfinished body that is read", method: "POST", path: "/api/read", body: part, length: 1 << 20},
	{name: "an unfinished body that is not", method: "POST", path: "/api/heed", body: part, length: 1 << 20},
	{name: "a whole body that is not read", method: "POST", path: "/api/heed", body: part, length: len(part)},
	{name: "authentication that hangs beside an unfinished body", method: "POST", path: "/api/read", auth: "hang", body: part, length: 1000 + len(part)},
	{name: "a 401 beside an unfinished body", method: "POST", path: "/api/read", auth: "none", body: part, length: 1000 + len(part)},
}

func (w way) target() string {
	if w.auth == "none" {
		return w.path
	}
	return fmt.Sprintf("%s?timeout=%v", w.path, answersTimeout)
}

// part is the beginning of a body, of more than clients keep back.
var part = strings.Repeat("0123456789abcdef", 512)

const (
	answersEach    = 1000 // requests over each protocol
	answersTimeout = 50 * time.Millisecond
	// answersPatience is how long after the deadline clients wait, and
	// answersGiveUp how many wait in vain until no more try the same.
	answersPatience = 5 * time.Second
	answersGiveUp   = 4

	// answersMedian and answersMost are when half of the 504s and 99 % of them are too late, after the
	// deadline: they take less than a tenth of it.
	answersMedian, answersMost = 50 * time.Millisecond, time.Second
)

// answersAtDeadline sends requests that time out in every way, and looks at
// each answer and how long after the deadline the client has all of it.
func answersAtDeadline(ctx context.Context) (Result, error) {
	var handlers, storing chain.Calls
	var deadlines sync.Map // by the request's number: the server's own
	var answered sync.Map  // likewise: a channel that is closed when the client has its answer
	done := make(chan struct{})
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		defer storing.Begin()()
		<-ctx.Done()
		return ctx.Err()
	}})
	if err != nil {
		return Result{}, err
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-From-Handler", "yes")
		switch r.URL.Path {
		case "/api/heed":
			<-r.Context().Done()
		case "/api/ignore":
			is, _ := answered.LoadOrStore(r.Header.Get("X-Number"), make(chan struct{}))
			<-is.(chan struct{})
			fmt.Fprintln(w, "nobody wants to know any more")
		case "/api/read":
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			api.ServeHTTP(w, r)
		}
	}
	s, err := chain.Start(chain.Config{
		Handler: handlers.Handler(http.HandlerFunc(handler)),
		Authenticate: func(r *http.Request) (*authenticator.Response, bool, error) {
			if deadline, ok := r.Context().Deadline(); ok {
				deadlines.Store(r.Header.Get("X-Number"), deadline)
			}
			if r.Header.Get("Authorization") == "hang" {
				<-done
			}
			return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, r.Header.Get("Authorization") != "none", nil
		},
	})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer close(done)

	var seen, lacks []string
	defect := false
	for _, proto := range protocols {
		c := answersCrowd{s: s, proto: proto, deadlines: &deadlines, answered: &answered, outcomes: tally{}, lost: map[string]int{}}
		c.run(ctx)
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		defect = defect || c.good < answersEach
		seen = append(seen, c.String())
		if late := c.late(); late != "" {
			lacks = append(lacks, late)
		}
	}
	if got := handlers.Count().Total; got < answersEach/2 || storing.Count().Total == 0 {
		return Result{}, fmt.Errorf("%d requests reached their handler and %d the storage: their ?timeout= is too short for this machine", got, storing.Count().Total)
	}
	return Result{Defect: defect, Lacks: strings.Join(lacks, "; "), Seen: strings.Join(seen, "; ")}, nil
}

// answersCrowd is some clients of one protocol.
type answersCrowd struct {
	s         *chain.Server
	proto     string
	deadlines *sync.Map
	answered  *sync.Map

	mu       sync.Mutex
	good     int
	took     []time.Duration
	outcomes tally
	lost     map[string]int
}

// run sends each kind of request in turn, four at a time.
func (c *answersCrowd) run(ctx context.Context) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var client timeoutClient = &client1{s: c.s}
			if c.proto == "HTTP/2.0" {
				client = client2{c.s.Client(c.proto)}
			}
			defer client.close()
			for i := range next {
				if way := waysToTimeOut[i%len(waysToTimeOut)]; c.try(way) {
					number := c.proto + strconv.Itoa(i)
					ctx, cancel := context.WithTimeout(ctx, answersTimeout+answersPatience)
					sent := time.Now()
					a := client.ask(ctx, c.s.URL, way, number)
					at := time.Now()
					c.judge(way, number, a, at, at.Sub(sent))
					cancel()
					is, _ := c.answered.LoadOrStore(number, make(chan struct{}))
					close(is.(chan struct{}))
				}
			}
		})
	}
	for i := range answersEach {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	wg.Wait()
}

// try reports whether it is worth while to try that way.
func (c *answersCrowd) try(w way) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost[w.name] < answersGiveUp {
		return true
	}
	c.outcomes["not tried any more"]++
	return false
}

// judge counts what a client has got at that time, after so long.
func (c *answersCrowd) judge(w way, number string, a answer, at time.Time, waited time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	problem := a.status504()
	deadline, known := c.deadlines.Load(number)
	if w.auth == "none" {
		problem = a.wholeStatus(http.StatusUnauthorized, metav1.StatusReasonUnauthorized)
	} else if known && problem == "" {
		c.took = append(c.took, at.Sub(deadline.(time.Time)))
	}
	switch {
	case a.err != nil && a.status == 0 && waited > answersPatience:
		c.lost[w.name]++
		c.outcomes["no answer to "+w.name]++
	case problem != "" && a.status != http.StatusGatewayTimeout:
		c.outcomes[problem+" to "+w.name]++
	case problem != "":
		c.outcomes[problem]++
	case a.header.Get("X-From-Handler") != "":
		c.outcomes["a header of the handler's"]++
	case a.header.Get("Audit-Id") == "":
		c.outcomes["no header of the filters'"]++
	default:
		c.good++
	}
}

// after returns when that part of the 504s had come, after the deadline.
func (c *answersCrowd) after(percent int) time.Duration {
	if len(c.took) == 0 {
		return 0
	}
	slices.Sort(c.took)
	return c.took[min(len(c.took)*percent/100, len(c.took)-1)]
}

// late says that the 504s come too late, or returns "".
func (c *answersCrowd) late() string {
	if median, most := c.after(50), c.after(99); median > answersMedian || most > answersMost {
		return fmt.Sprintf("%s: that half of the 504s come %v after the deadline (%v), and 99 %% %v (%v)", c.proto, answersMedian, median, answersMost, most)
	}
	return ""
}

func (c *answersCrowd) String() string {
	text := fmt.Sprintf("%s: %d of %d answers were complete", c.proto, c.good, answersEach)
	if len(c.took) > 0 {
		ms := func(percent int) float64 { return float64(c.after(percent).Microseconds()) / 1000 }
		text += fmt.Sprintf(", the 504s %.1f ms (median), %.1f ms (99 %%), %.1f ms (all) after the deadline", ms(50), ms(99), ms(100))
	}
	if len(c.outcomes) > 0 {
		text += fmt.Sprintf("; the others: %v", c.outcomes)
	}
	return text
}

// timeoutClient sends a request and reads the answer, until the context ends.
type timeoutClient interface {
	ask(ctx context.Context, url string, w way, number string) answer
	close()
}

// client1 writes its requests byte by byte: net/http's client keeps an
// unfinished one back, and sends another a second time when it was cut off.
type client1 struct {
	s    *chain.Server
	conn *conn1
}

func (c *client1) ask(ctx context.Context, _ string, w way, number string) answer {
	if c.conn == nil {
		conn, err := dial1(ctx, c.s, 0)
		if err != nil {
			return answer{err: err}
		}
		c.conn = conn
	}
	err := c.conn.send("%s %s HTTP/1.1\nHost: test\nX-Number: %s\nAuthorization: %s\nContent-Type: application/json\nContent-Length: %d\n\n%s",
		w.method, w.target(), number, w.auth, w.length, w.body)
	if err != nil {
		c.close()
		return answer{err: err}
	}
	deadline, _ := ctx.Deadline()
	a := c.conn.receive(w.method, deadline)
	if a.err != nil || a.last || len(w.body) < w.length {
		c.close()
	}
	return a
}

func (c *client1) close() {
	if c.conn != nil {
		c.conn.drop()
		c.conn = nil
	}
}

// client2 is net/http's.
type client2 struct{ *http.Client }

func (c client2) ask(ctx context.Context, url string, w way, number string) answer {
	var body io.ReadCloser
	if w.length > 0 {
		body = &unfinished{Reader: strings.NewReader(w.body), missing: w.length - len(w.body), closed: make(chan struct{})}
		defer body.Close()
	}
	req, err := http.NewRequestWithContext(ctx, w.method, url+w.target(), body)
	if err != nil {
		return answer{err: err}
	}
	req.ContentLength = int64(w.length)
	req.Header.Set("X-Number", number)
	req.Header.Set("Authorization", w.auth)
	req.Header.Set("Content-Type", "application/json")
	return ask(c.Client, req)
}

func (c client2) close() { c.CloseIdleConnections() }

// unfinished is a body that stalls before its end, if any of it is missing.
type unfinished struct {
	io.Reader
	missing int
	once    sync.Once
	closed  chan struct{}
}

func (u *unfinished) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err == io.EOF && u.missing > 0 {
		<-u.closed
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (u *unfinished) Close() error {
	u.once.Do(func() { close(u.closed) })
	return nil
}
