package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "D12",
		Title: "an unauthenticated client makes a time series with each path that it times out on",
		run:   madeUpPaths,
	})
}

// madeUpPaths sends requests that nobody is authenticated for, to paths that do
// not exist: some time out, and some are left by their clients.
func madeUpPaths(ctx context.Context) (Result, error) {
	const requests, left, random = 200, 50, "random-"
	release := make(chan struct{})
	var authenticating chain.Calls
	w, err := watchServer(chain.Config{
		Handler: http.NotFoundHandler(),
		Authenticate: func(r *http.Request) (*authenticator.Response, bool, error) {
			if r.Header.Get("X-Left") != "" {
				defer authenticating.Begin()()
				<-release
			}
			return nil, false, nil
		},
	})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	before, err := scrape()
	if err != nil {
		return Result{}, err
	}
	answers := tally{}
	for _, path := range []string{"/" + random + "%d?timeout=1ns", "/apis/" + random + "%d/v1/foo?timeout=1ns"} {
		got, err := crowd(ctx, w.Server, requests, func(i int) (*http.Request, error) {
			return http.NewRequest(http.MethodGet, w.URL+fmt.Sprintf(path, i), nil)
		}, func(_ int, a answer) string { return a.String() })
		if err != nil {
			return Result{}, err
		}
		for outcome, n := range got {
			answers[outcome] += n
		}
	}
	err = leavePaths(ctx, w.Server, &authenticating, left, "/apis/"+random+"%d/v1/foo")
	close(release)
	if err != nil {
		return Result{}, err
	}
	authenticating.Wait(10*time.Second, func(c chain.Count) bool { return c.Running == 0 })

	// Those that are left are counted a moment later.
	counted := func() (made int, after []sample, err error) {
		after, err = scrape()
		for _, s := range after {
			for _, value := range s.labels {
				if strings.Contains(value, random) {
					made++
					break
				}
			}
		}
		return made, after, err
	}
	made, after, err := counted()
	ended := 0
	eventually(patience, func() bool {
		made, after, err = counted()
		ended = sum(after, "apiserver_request_terminations_total", "code").total() + sum(after, "apiserver_request_aborts_total", "resource").total()
		return err != nil || ended >= left+answers["504"]
	})
	if err != nil {
		return Result{}, err
	}
	// What is counted nowhere makes no series either.
	lacks := ""
	if answers["504"] != 2*requests || ended != 2*requests+left {
		lacks = fmt.Sprintf("%d 504s, and as many terminations and aborts as there are requests (%d)", 2*requests, ended)
	}
	names := tally{}
	for _, s := range after {
		if !slices.ContainsFunc(before, func(b sample) bool { return b.name == s.name && fmt.Sprint(b.labels) == fmt.Sprint(s.labels) }) {
			names[strings.TrimPrefix(s.name, "apiserver_")]++
		}
	}
	return Result{
		Defect: made > 0,
		Lacks:  lacks,
		Seen: fmt.Sprintf("%d requests to made-up paths (%v; %d left) made %d time series (%v), %d of them with what the client made up",
			2*requests+left, answers, left, names.total(), names.orNone(), made),
	}, nil
}

// leavePaths sends n requests and takes them back while they are being
// authenticated.
func leavePaths(ctx context.Context, s *chain.Server, authenticating *chain.Calls, n int, path string) error {
	conn, err := dial2(ctx, s)
	if err != nil {
		return err
	}
	defer conn.close()
	var streams []uint32
	for i := range n {
		stream, err := conn.open(fmt.Sprintf(path, 1000+i), "x-left", "yes")
		if err != nil {
			return err
		}
		streams = append(streams, stream)
	}
	if !authenticating.Wait(20*time.Second, func(c chain.Count) bool { return c.Total == n }) {
		return fmt.Errorf("%d of %d requests reached authentication in 20 s", authenticating.Count().Total, n)
	}
	for _, stream := range streams {
		if err := conn.reset(stream); err != nil {
			return err
		}
	}
	return conn.ping()
}
