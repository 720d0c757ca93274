package chain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

// end is how a request ended for its client: whether it was answered (a status
// of a failure and all of its body), and whether that was a complete 504.
type end struct {
	At                 time.Time
	Answered, Complete bool
}

// timeouts sends creates that time out or, by turns, those and requests whose
// handler is late. All are POSTs: net/http sends a GET again that was cut off.
func (c *crowd) timeouts(o order) (reply, error) {
	r := reply{Ends: make([]end, o.Requests)}
	begin := time.Now()
	return r, each(o.Requests, o.Workers, func(i int) error {
		path, body := chain.PodsPath, chain.Pod("a")
		if o.Verb == "" && i%2 == 1 {
			path, body = handlerPath, ""
		}
		ctx, cancel := context.WithTimeout(context.Background(), o.Timeout+20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s%s?timeout=%v", c.url, path, o.Timeout), strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(numberHeader, strconv.Itoa(i))
		if o.Together {
			req.Header.Set(deadlineHeader, strconv.FormatInt(begin.Add(o.Timeout).UnixNano(), 10))
		}
		r.Ends[i] = judge(c.clients[i%len(c.clients)].Do(req))
		return nil
	})
}

const (
	handlerPath  = "/api/handler"
	numberHeader = "X-Number"
	// deadlineHeader has the time at which a request is to time out, in ns.
	deadlineHeader = "X-Deadline"
)

// together asks, in place of the clients, for the timeout that is left when
// their request arrives: in what was sent before, some have spent seconds.
func together(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, err := strconv.ParseInt(r.Header.Get(deadlineHeader), 10, 64); err == nil {
			left := max(time.Until(time.Unix(0, at)), time.Millisecond)
			r.URL.RawQuery = "timeout=" + left.String()
		}
		handler.ServeHTTP(w, r)
	})
}

// judge reads what a client got.
func judge(res *http.Response, err error) end {
	if err != nil {
		return end{At: time.Now()}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	e := end{At: time.Now(), Answered: err == nil && res.StatusCode >= 500}
	var status metav1.Status
	mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	e.Complete = e.Answered && res.StatusCode == http.StatusGatewayTimeout && mediaType == "application/json" &&
		res.ContentLength == int64(len(body)) && json.Unmarshal(body, &status) == nil &&
		status.Kind == "Status" && status.Reason == metav1.StatusReasonTimeout
	return e
}

// timed is a server whose requests run out of time: creates, whose storage
// waits for their context to end, and POSTs to handlerPath.
type timed struct {
	*chain.Server
	requests, waiting chain.Calls

	mu        sync.Mutex
	deadlines map[int]time.Time // the server's own, by the number of the request
}

// startTimed has the handler at handlerPath stay for so long after its deadline.
func startTimed(b *testing.B, p peer, limit int, late time.Duration) *timed {
	t := &timed{deadlines: map[int]time.Time{}}
	api, err := chain.API(&chain.Pods{OnCreate: func(ctx context.Context) error {
		defer t.waiting.Begin()()
		<-ctx.Done()
		return ctx.Err()
	}})
	if err != nil {
		b.Fatal(err)
	}
	t.Server, err = p.start(chain.Config{
		Handler: warmOr(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != handlerPath {
				api.ServeHTTP(w, r)
				return
			}
			defer t.waiting.Begin()()
			<-r.Context().Done()
			time.Sleep(late)
			w.WriteHeader(http.StatusAccepted) // Nobody is to see it.
		})),
		Outside: func(h http.Handler) http.Handler { return t.requests.Handler(together(h)) },
		Authenticate: func(r *http.Request) (*authenticator.Response, bool, error) {
			if number, err := strconv.Atoi(r.Header.Get(numberHeader)); err == nil {
				deadline, _ := r.Context().Deadline()
				t.mu.Lock()
				t.deadlines[number] = deadline
				t.mu.Unlock()
			}
			return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, true, nil
		},
		Modify: func(c *server.Config) {
			c.MaxRequestsInFlight, c.MaxMutatingRequestsInFlight = limit, limit
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(t.Stop)
	return t
}

// report says how long after their deadlines the clients knew how their
// requests had ended, well or not, and how many had a complete 504.
func (t *timed) report(b *testing.B, ends []end) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var after []time.Duration
	answered, complete := 0, 0
	for number, e := range ends {
		if e.Answered {
			answered++
		}
		if e.Complete {
			complete++
		}
		if deadline, known := t.deadlines[number]; known {
			after = append(after, e.At.Sub(deadline))
		}
	}
	if len(after) < len(ends)/2 {
		b.Fatalf("%d of %d requests got as far as their authentication: the machine is too slow for their ?timeout=", len(after), len(ends))
	}
	slices.Sort(after)
	milliseconds(b, after, 0.50, "p50-ms")
	milliseconds(b, after, 0.99, "p99-ms")
	milliseconds(b, after, 1, "max-ms")
	b.ReportMetric(100*float64(answered)/float64(len(ends)), "answered-%")
	b.ReportMetric(100*float64(complete)/float64(len(ends)), "complete-%")
}
