package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"fork.internal/apiserver/test/cluster"
	"fork.internal/apiserver/test/demo"
	"fork.internal/apiserver/test/traffic"
	"fork.internal/apiserver/test/webhook"
)

// The namespaces: of ordinary clients, of what is watched, of hostile clients.
const (
	ordinary = "soak-ordinary"
	watched  = "soak-watched"
	hostile  = "soak-hostile"

	// hookLabel has a webhook asked about a config map, which then does what the label says.
	hookLabel = "hook"
	hookTakes = 200 * time.Millisecond

	// loadClients are the ordinary ones, over each protocol.
	loadClients = 3
)

// server is a kube-apiserver that is under test, with its clients. Phases come one after the other; within one, its methods
// may be called from several goroutines.
type server struct {
	conf   Config
	cl     *cluster.Cluster
	tokens demo.Tokens
	dir    string
	side   *Side
	out    io.Writer
	begun  time.Time

	clients *traffic.Clients // the ordinary ones'
	load    *traffic.Load
	watch   *traffic.Watches
	hook    *webhook.Webhook
	sampler *sampler
	rest    Sample // as the server was before the first phase

	mu        sync.Mutex
	exchanges []*traffic.Exchange
	kept      int // how many of them are of the phases before
	current   Phase
	extra     demo.Requests // what is counted elsewhere
}

func newServer(ctx context.Context, c Config, cl *cluster.Cluster, tokens demo.Tokens, dir string, side *Side, out io.Writer) (_ *server, err error) {
	s := &server{conf: c, cl: cl, tokens: tokens, dir: dir, side: side, out: out, begun: time.Now()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.begin("set-up")
	if s.clients, err = s.newClients(&net.Dialer{}); err != nil {
		return nil, err
	}
	if err := s.setUp(ctx); err != nil {
		return nil, err
	}
	loses := *s.clients
	loses.Wrongf = s.lostf
	s.watch = traffic.StartWatches(&loses, traffic.ConfigMaps(watched))
	s.load = traffic.NewLoad(s.clients, traffic.ConfigMaps(ordinary), s.lostf)
	if err := s.warmUp(ctx); err != nil {
		return nil, err
	}
	s.begun = time.Now()
	s.sampler = startSampler(ctx, s)
	return s, nil
}

// close ends the clients.
func (s *server) close() {
	if s.sampler != nil {
		s.sampler.stop()
	}
	if s.watch != nil {
		s.watch.Stop()
	}
	if s.hook != nil {
		s.hook.Close()
	}
	if s.clients != nil {
		s.clients.CloseIdle()
	}
}

// newClients are administrators with connections of their own.
func (s *server) newClients(d *net.Dialer) (*traffic.Clients, error) {
	c, err := traffic.NewClientsBy(s.cl.RESTConfig(), d)
	if err != nil {
		return nil, err
	}
	c.Keep, c.Wrongf = s.keep, s.lief
	return c, nil
}

type object = map[string]any

// setUp makes what the phases need.
func (s *server) setUp(ctx context.Context) (err error) {
	if err := demo.SetUp(ctx, s.cl); err != nil {
		return err
	}
	meta := func(name string) object { return object{"name": name} }
	for _, ns := range []string{ordinary, watched, hostile} {
		if err := s.cl.Create(ctx, "/api/v1/namespaces", object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(ns)}); err != nil {
			return err
		}
	}
	if err := traffic.Fill(ctx, hostile, s.cl.Create); err != nil {
		return err
	}
	for _, o := range []struct{ path, kind, name string }{
		{traffic.ConfigMaps(watched), "ConfigMap", "ticks"}, {secrets(hostile), "Secret", "shared-0"}, {secrets(hostile), "Secret", "shared-1"},
	} {
		if err := s.cl.Create(ctx, o.path, object{"apiVersion": "v1", "kind": o.kind, "metadata": meta(o.name)}); err != nil {
			return err
		}
	}
	if s.hook, err = webhook.Start(ctx, s.cl, hookLabel, hookTakes); err != nil {
		return err
	}
	return s.hook.UntilAsked(ctx, func(ctx context.Context) {
		s.clients.Send(ctx, "HTTP/2", traffic.Request{Method: "POST", Path: traffic.ConfigMaps(hostile) + "?dryRun=All", Body: hooked("admits")})
	})
}

func secrets(ns string) string { return "/api/v1/namespaces/" + ns + "/secrets" }

// hooked is a config map about which the webhook is asked.
func hooked(does string) io.Reader { return webhook.ConfigMap(hookLabel, does) }

func (s *server) keep(x *traffic.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Phase = s.current.Name
	s.exchanges = append(s.exchanges, x)
}

// lief says what was answered or recorded otherwise than it was.
func (s *server) lief(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Lies++
	s.current.say(fmt.Sprintf(format, args...))
}

// lostf says what was promised, and is not there.
func (s *server) lostf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Lost++
	s.current.say("lost: " + fmt.Sprintf(format, args...))
}

func (s *server) begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = Phase{Name: name, From: time.Since(s.begun).Seconds()}
	s.kept, s.extra = len(s.exchanges), demo.Requests{}
}

// end ends a phase, after which the server held that.
func (s *server) end(held []string) {
	s.mu.Lock()
	p := &s.current
	p.Held = held
	p.Seconds = time.Since(s.begun).Seconds() - p.From
	for _, x := range s.exchanges[s.kept:] {
		p.Requests++
		switch {
		case !x.Whole && x.Left:
			p.Left++
		case !x.Whole:
			p.Cut++
		case x.Status/100 == 2:
			p.OK++
		case x.Status == http.StatusGatewayTimeout:
			p.TimedOut++
		default:
			p.Other++
		}
		x.Body = nil // It has been looked at.
	}
	r := s.extra
	p.Requests += int(r.Sent)
	p.OK += int(r.Answered)
	p.TimedOut += int(r.TimedOut)
	p.Other += int(r.Other + r.Short)
	p.Cut += int(r.Reset + r.Silent + r.Unreachable)
	if s.sampler != nil {
		p.Peak, p.After = s.sampler.since(p.From)
	}
	s.side.Phases = append(s.side.Phases, *p)
	done := *p
	s.mu.Unlock()
	fmt.Fprintf(s.out, "%s: %s\n", s.side.Name, done)
	for _, e := range slices.Concat(done.Examples, done.Held) {
		fmt.Fprintf(s.out, "    %.600s\n", e)
	}
}

// liedIn adds what was found later to a phase that has ended.
func (s *server) liedIn(phase, what string) {
	for i := range s.side.Phases {
		if p := &s.side.Phases[i]; p.Name == phase {
			p.Lies++
			p.say(what)
			return
		}
	}
	s.lief("%s", what)
}

// died notes how.
func (s *server) died() {
	s.side.Died = &Death{At: time.Since(s.begun).Seconds(), Phase: s.side.Phases[len(s.side.Phases)-1].Name, Crash: s.cl.Crash()}
	fmt.Fprintf(s.out, "%s: died in its second %.0f: %s\n", s.side.Name, s.side.Died.At, s.side.Died.Crash.Line)
}

// terminate ends the server as an operator does.
func (s *server) terminate(stop func() error) {
	if err := stop(); err != nil {
		s.lief("the server has not ended well: %v", err)
	}
}

// checkRecords holds the audit log against what the clients saw, when the server has ended, and looks for races, crashes
// and panics in its log.
func (s *server) checkRecords() error {
	records, err := traffic.ReadRecords(s.cl.AuditLog(), s.exchanges)
	if err != nil && s.side.Died == nil {
		return err
	}
	for _, x := range s.exchanges {
		if wrong := x.Disagrees(records[x.AuditID]); wrong != "" {
			s.liedIn(x.Phase, wrong)
		} else if len(records[x.AuditID].Ends) > 0 {
			s.side.Joined++
		}
	}
	panics, err := traffic.Panics(s.cl.Log())
	for _, found := range panics {
		s.lief("%s", found)
	}
	return err
}
