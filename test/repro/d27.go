package main

import (
	"context"
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D27",
		Title: "a request whose authentication or authorization hangs: its 504 has no audit event and is not in request_total",
		run:   hangingWebhooks,
	})
}

// hangingWebhooks has authentication hang for some requests, and authorization
// for others, and looks at what is said of them meanwhile.
func hangingWebhooks(ctx context.Context) (Result, error) {
	const each, timeout = 2, "?timeout=300ms"
	release := make(chan struct{})
	api, err := chain.API(&chain.Pods{})
	if err != nil {
		return Result{}, err
	}
	w, err := watchServer(chain.Config{
		Handler: api,
		Authenticate: func(r *http.Request) (*authenticator.Response, bool, error) {
			if strings.Contains(r.URL.Path, "/default/") {
				<-release
			}
			return &authenticator.Response{User: &user.DefaultInfo{Name: "someone"}}, true, nil
		},
		Modify: func(c *server.Config) {
			c.Authorization.Authorizer = authorizer.AuthorizerFunc(func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
				<-release
				return authorizer.DecisionAllow, "", nil
			})
		},
	})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()
	defer close(release)

	authenticating := w.URL + chain.PodsPath
	authorizing := strings.Replace(authenticating, "/default/", "/other/", 1)
	for _, url := range []string{authenticating, authorizing} {
		if err := w.send(ctx, each, get(url+timeout)); err != nil {
			return Result{}, err
		}
		if err := w.send(ctx, each, post(url+timeout, podNumber)); err != nil {
			return Result{}, err
		}
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	n := len(w.sent)
	return w.verdict(account{requests: tally{"504": n}, terminations: tally{"504": n}}, differ504(w))
}
