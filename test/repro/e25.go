package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/endpoints/metrics"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server"

	"fork.internal/apiserver/test/chain"
)

func init() {
	register(Case{
		ID:    "E25",
		Title: "a client makes a time series with each group and resource that it makes up, when it is answered 429, or 503 by the aggregator",
		run:   madeUpResources,
	})
}

// madeUpResources asks for resources that do not exist, of a server that has no
// seat free, and of one that proxies them to nobody.
func madeUpResources(ctx context.Context) (Result, error) {
	const requests, random = 50, "random-"
	holding, release := make(chan struct{}), make(chan struct{})
	pods := instrumented(func(http.ResponseWriter, *http.Request) {
		close(holding)
		<-release
	})
	w, err := watchServer(chain.Config{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, random) {
				// What kube-aggregator's proxy handler does without a backend.
				http.Error(w, "service unavailable", http.StatusServiceUnavailable)
				info, _ := apirequest.RequestInfoFrom(r.Context())
				metrics.RecordRequestTermination(r, info, "aggregator", http.StatusServiceUnavailable)
				return
			}
			pods.ServeHTTP(w, r)
		}),
		Modify: func(c *server.Config) { c.MaxRequestsInFlight, c.MaxMutatingRequestsInFlight = 1, 8 },
	})
	if err != nil {
		return Result{}, err
	}
	defer w.Stop()

	answers := tally{}
	ask := func(method, path string, n int) error {
		got, err := crowd(ctx, w.Server, n, func(i int) (*http.Request, error) {
			return http.NewRequest(method, w.URL+strings.ReplaceAll(path, random, fmt.Sprintf("%s%d-", random, i)), nil)
		}, func(_ int, a answer) string { return a.String() })
		for outcome, n := range got {
			answers[outcome] += n
		}
		return err
	}
	err = ask(http.MethodPost, "/apis/"+random+"group/v1/namespaces/default/"+random+"resources", requests)
	if err == nil {
		w.wg.Go(func() {
			client := w.Client(protocols[1])
			defer client.CloseIdleConnections()
			if req, err := get(w.URL + chain.PodsPath)(0); err == nil {
				discardAnswer(client, req.WithContext(ctx))
			}
		})
		if !within(10*time.Second, holding) {
			err = fmt.Errorf("nobody has taken the seat")
		}
	}
	if err == nil {
		err = ask(http.MethodGet, "/apis/"+random+"group/v1/namespaces/default/"+random+"resources", requests)
	}
	if err == nil {
		err = ask(http.MethodGet, chain.PodsPath, requests)
	}
	close(release)
	w.wg.Wait()
	if err != nil {
		return Result{}, err
	}
	if answers["429"] < 2*requests || answers["503"] == 0 {
		return Result{}, fmt.Errorf("the answers were %v, and not 429 and 503", answers)
	}

	// They are counted a moment after the answer.
	var made int
	var named, counted tally
	failed := error(nil)
	eventually(patience, func() bool {
		var samples []sample
		if samples, failed = scrape(); failed != nil {
			return true
		}
		made, named, counted = 0, tally{}, sum(samples, "apiserver_request_total", "code")
		for _, s := range samples {
			for _, value := range s.labels {
				if strings.Contains(value, random) {
					made++
					break
				}
			}
			if s.name == "apiserver_request_total" && s.labels["code"] == "429" && s.labels["group"] == example.GroupName && s.labels["resource"] == "pods" {
				named["pods"] += int(s.value)
			}
		}
		return made == 0 && named["pods"] == requests && counted["429"] == answers["429"]
	})
	if failed != nil {
		return Result{}, failed
	}
	return Result{
		Defect: made > 0 || named["pods"] != requests || counted["429"] != answers["429"],
		Seen: fmt.Sprintf("answers were %v; %d time series have what the client made up; of %d answers of 429, request_total has %d, and %d of %d under the name of a resource that there is",
			answers, made, answers["429"], counted["429"], named["pods"], requests),
	}, nil
}

// discardAnswer sends a request whose answer is of no interest.
func discardAnswer(client *http.Client, req *http.Request) {
	if res, err := client.Do(req); err == nil {
		discard(res.Body)
	}
}
