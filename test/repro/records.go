package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "EXITS",
		Title: "on some of its ways out of the chain a request has no audit event or no log line, or they differ from what the client saw (D22, D23, D27)",
		run:   waysOut,
	})
}

// wayOut is one way in which a request can end, and what its records should say.
type wayOut struct {
	name, method, path string
	header             http.Header
	leave              bool // the client goes while the request is being served

	client int // the status that the client gets, or 0 if the answer breaks off
	code   int // in the final audit event
	log    int // in the HTTP log
}

var waysOutOfTheChain = []wayOut{
	{name: "an answer", path: "/api/ok", client: 200, code: 200, log: 200},
	{name: "no write at all", path: "/api/nothing", client: 200, code: 200, log: 200},
	{name: "an invalid timeout", path: "/api/ok?timeout=bogus", client: 400, code: 400, log: 400},
	{name: "a preflight", method: http.MethodOptions, path: "/api/ok", header: http.Header{"Origin": {"https://allowed.example"}}, client: 204, code: 204, log: 204},
	{name: "no authentication", path: "/api/ok", header: http.Header{"X-Who": {"nobody"}}, client: 401, code: 401, log: 401},
	{name: "no authorization", path: "/api/forbidden", client: 403, code: 403, log: 403},
	{name: "no right to impersonate", path: "/api/ok", header: http.Header{"Impersonate-User": {"somebody"}}, client: 403, code: 403, log: 403},
	{name: "too many requests", method: http.MethodPost, path: "/api/ok", client: 429, code: 429, log: 429},
	{name: "a panic", path: "/api/panic", client: 0, code: 500, log: 500},
	{name: "a deadline, honoured", path: "/api/honour?timeout=50ms", client: 504, code: 504, log: 504},
	{name: "a deadline, reported as an error", path: "/api/error?timeout=50ms", client: 504, code: 504, log: 504},
	{name: "a deadline, ignored", path: "/api/hang?timeout=50ms", client: 504, code: 504, log: 504},
	{name: "a deadline, ignored with success", path: "/api/late?timeout=50ms", client: 504, code: 504, log: 504},
	{name: "a deadline passed on arrival", path: "/api/ok?timeout=1ns", client: 504, code: 504, log: 504},
	{name: "a deadline in authentication", path: "/api/ok?timeout=50ms", header: http.Header{"X-Who": {"slow"}}, client: 504, code: 504, log: 504},
	{name: "a deadline in mid-response", path: "/api/partial?timeout=50ms", client: 200, code: 200, log: 200},
	{name: "the client leaves", path: "/api/honour", leave: true, client: 0, code: 0, log: 0},
}

// waysOut sends a request on each way out, over both protocols, and compares
// what the client saw with the request's records, joined by its audit ID.
func waysOut(ctx context.Context) (Result, error) {
	log, err := captureLog()
	if err != nil {
		return Result{}, err
	}

	done := make(chan struct{})
	serving := make(chan struct{}, 100)
	s, err := chain.Start(chain.Config{Handler: exits(done, serving), Authenticate: authenticate(done), Modify: func(c *server.Config) {
		c.MaxMutatingRequestsInFlight = 1
		c.CorsAllowedOriginList = []string{`^https://allowed\.example$`}
		c.Authorization.Authorizer = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if a.GetPath() == "/api/forbidden" || strings.HasPrefix(a.GetVerb(), "impersonate") {
				return authorizer.DecisionDeny, "because", nil
			}
			return authorizer.DecisionAllow, "", nil
		})
	}})
	if err != nil {
		return Result{}, err
	}
	defer s.Stop()
	defer close(done)

	// One mutation takes the only seat.
	holder := s.Client(protocols[1])
	defer holder.CloseIdleConnections()
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/hold", nil)
		ask(holder, req)
	}()
	<-serving

	var wrong []string
	for _, proto := range protocols {
		for i, way := range waysOutOfTheChain {
			id := fmt.Sprintf("%s-%d", proto, i)
			// A client of its own each: on a connection that was used before,
			// net/http sends a request again whose answer has not begun.
			client := s.Client(proto)
			a, err := way.ask(ctx, s, client, id, serving)
			client.CloseIdleConnections()
			if err != nil {
				return Result{}, err
			}
			// The records may come a moment after the answer.
			var problem string
			eventually(2*time.Second, func() bool {
				problem = way.compare(a, endings(s.Audit, id), logLines(log, id))
				return problem == ""
			})
			if problem != "" {
				wrong = append(wrong, fmt.Sprintf("%s, %s: %s", proto, way.name, problem))
			}
		}
	}
	n := len(protocols) * len(waysOutOfTheChain)
	seen := fmt.Sprintf("%d of %d requests have records that agree with what the client saw", n-len(wrong), n)
	if len(wrong) > 0 {
		seen += "; " + strings.Join(wrong, "; ")
	}
	return Result{Defect: len(wrong) > 0, Seen: seen}, nil
}

// exits is a handler with a way out for each path.
func exits(done <-chan struct{}, serving chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving <- struct{}{}
		switch r.URL.Path {
		case "/api/nothing":
		case "/api/hold", "/api/hang":
			<-done
		case "/api/panic":
			panic("as designed")
		case "/api/honour":
			<-r.Context().Done()
		case "/api/error":
			<-r.Context().Done()
			http.Error(w, r.Context().Err().Error(), http.StatusInternalServerError)
		case "/api/late":
			<-r.Context().Done()
			fmt.Fprint(w, "created")
		case "/api/partial":
			fmt.Fprint(w, "part")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			fmt.Fprint(w, "ok")
		}
	})
}

func authenticate(done <-chan struct{}) func(*http.Request) (*authenticator.Response, bool, error) {
	return func(r *http.Request) (*authenticator.Response, bool, error) {
		switch r.Header.Get("X-Who") {
		case "nobody":
			return nil, false, nil
		case "slow":
			<-done
		}
		return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, true, nil
	}
}

func (way wayOut) ask(ctx context.Context, s *chain.Server, client *http.Client, id string, serving chan struct{}) (answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, way.method, s.URL+way.path, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header = way.header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set(auditinternal.HeaderAuditID, id)
	for len(serving) > 0 {
		<-serving
	}
	if way.leave {
		go func() {
			within(10*time.Second, serving)
			cancel()
		}()
	}
	return ask(client, req), nil
}

// compare says what is wrong, or returns "".
func (way wayOut) compare(a answer, events []*auditinternal.Event, lines []string) string {
	switch {
	case a.status != way.client:
		return fmt.Sprintf("the client got %v, not %d", a, way.client)
	case len(lines) != 1:
		return fmt.Sprintf("%d lines in the HTTP log", len(lines))
	case lines[0] != fmt.Sprint(way.log):
		return fmt.Sprintf("the HTTP log says %s", lines[0])
	case len(events) != 1:
		return fmt.Sprintf("%d final audit events", len(events))
	case events[0].ResponseStatus == nil || int(events[0].ResponseStatus.Code) != way.code:
		return fmt.Sprintf("the audit log says %+v", events[0].ResponseStatus)
	case a.err != nil && events[0].ResponseStatus.Status != "Failure":
		return "the audit log says nothing of the answer that broke off"
	}
	return ""
}
