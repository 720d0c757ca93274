package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/endpoints/request"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D22",
		Title: "the handler succeeds, or fails in its own way, after its 504: audit and request_total say 200 or 500",
		run:   afterThe504,
	})
}

// afterThe504 has handlers go on until their clients have a 504, and then come
// to results of their own.
func afterThe504(ctx context.Context) (Result, error) {
	const each, timeout = 2, "?timeout=300ms"
	release := make(chan struct{})
	// What etcd says when it is paused: a 500, if it is asked in time.
	unavailable := errors.New("etcdserver: request timed out")
	var handlers chain.Calls
	api, err := chain.API(&chain.Pods{
		OnList: func(ctx context.Context) error {
			<-release
			if request.NamespaceValue(ctx) != "default" {
				return unavailable
			}
			return nil
		},
		OnCreate: func(context.Context) error {
			<-release
			return unavailable
		},
	})
	if err != nil {
		return Result{}, err
	}
	w, err := watchServer(chain.Config{Handler: handlers.Handler(api)})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	url := w.URL + chain.PodsPath
	for _, newRequest := range []func(int) (*http.Request, error){
		get(url + timeout),
		get(strings.Replace(url, "/default/", "/unavailable/", 1) + timeout),
		post(url+timeout, podNumber),
		stalledPost(url + timeout),
	} {
		if err := w.send(ctx, each, newRequest); err != nil {
			return Result{}, err
		}
	}
	if err := w.over(); err != nil {
		return Result{}, err
	}
	close(release)
	handlers.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })
	n := len(w.sent)
	return w.verdict(account{
		requests:     tally{"504": n},
		terminations: tally{"504": n},
		late:         tally{"any": n},
	}, differ504(w))
}

// stalledPost makes creates that stall in the middle of their body. It goes on
// after 2 s, well after the deadline: there are servers that do not answer
// before that (D6).
func stalledPost(url string) func(int) (*http.Request, error) {
	return func(i int) (*http.Request, error) {
		r, w := io.Pipe()
		body := podNumber(i)
		req, err := http.NewRequest(http.MethodPost, url, r)
		if err != nil {
			return nil, err
		}
		req.ContentLength = int64(len(body))
		req.Header.Set("Content-Type", "application/json")
		go func() {
			_, _ = io.WriteString(w, body[:10])
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(w, body[10:])
			w.Close()
		}()
		return req, nil
	}
}
