package sidebyside

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// awaitTimeout bounds how long a step is sent until the server has come to what it waits for.
	awaitTimeout = 30 * time.Second

	awaitInterval = 50 * time.Millisecond

	// Some requests are counted nowhere. scrapes is how often that is looked for.
	scrapes = 3
)

// run sends all groups, each first over one protocol and then over the other, and returns what that has shown.
func (s *server) run(ctx context.Context, groups []group) ([]observation, error) {
	for _, g := range groups {
		for _, p := range []protocol{http1, http2} {
			if err := s.runGroup(ctx, g, p); err != nil {
				return nil, fmt.Errorf("%s: %s over %s: %w", s.name, g.name, p, s.explain(err))
			}
		}
		s.say("%s: sent", g.name)
	}
	// Whatever a request leaves behind late, or twice, is there by now.
	if err := s.records.read(); err != nil {
		return nil, err
	}
	var all []observation
	for _, t := range s.taken {
		all = append(all, t.observation(s.records))
	}
	return all, nil
}

func (s *server) runGroup(ctx context.Context, g group, p protocol) error {
	conn := s.target.conn(p)
	defer conn.close()
	vars := map[string]string{
		"p": p.short(), "ns": namespace(p),
		"backend": strconv.Itoa(s.backend.port()), "ca": base64.StdEncoding.EncodeToString(s.backend.ca()),
	}
	before, err := s.scrape(ctx)
	if err != nil {
		return err
	}
	for _, st := range g.steps {
		if !st.runs(p) {
			continue
		}
		if before, err = s.runStep(ctx, g.name, st, p, conn, vars, before); err != nil {
			return fmt.Errorf("%s: %w", st.name, err)
		}
	}
	return nil
}

// runStep sends one step and returns the metrics after it.
func (s *server) runStep(ctx context.Context, group string, st step, p protocol, c conn, vars map[string]string, before scrape) (scrape, error) {
	t := taken{group: group, step: st, protocol: p}
	u := s.identity(st.as)
	vars["auth"] = u.authorization
	send := func(id string) ([]*answer, error) {
		vars["id"] = id
		sent, err := st.over(p, vars)
		if err != nil {
			return nil, err
		}
		return c.send(ctx, sent, id, u)
	}
	if st.before != nil {
		if err := st.before(ctx, s); err != nil {
			return nil, err
		}
	}
	if st.await || st.until != nil {
		err := s.await(ctx, st, t.id(), send)
		if err != nil {
			return nil, err
		}
		if before, err = s.scrape(ctx); err != nil {
			return nil, err
		}
	}
	known := sizes{"bytes sent": len(st.body)}
	for n := range max(st.times, 1) {
		held := func() error { return nil }
		if st.during != nil {
			var err error
			if held, err = s.hold(ctx, st, p, t.id(), vars); err != nil {
				return nil, err
			}
		}
		answers, err := send(t.attemptID(n))
		if err := errors.Join(err, held()); err != nil {
			return nil, err
		}
		if !st.unrecorded {
			if err := s.records.await(ctx, t.attemptID(n)); err != nil {
				return nil, err
			}
		}
		t.attempts = append(t.attempts, seen(st, answers, s.norm, known))
		switch first := answers[0]; {
		case first.status != st.want && !(st.want == noAnswer && first.status == 0):
			s.wrong = append(s.wrong, fmt.Sprintf("%s/%s %s: status %d, want %d: %s %.300s", group, st.name, p, first.status, st.want, first.err, first.body))
		case st.save != nil:
			if err := st.save(first, vars); err != nil {
				return nil, err
			}
		}
	}
	after := before
	if !st.unrecorded {
		var err error
		if after, err = s.counted(ctx, before); err != nil {
			return nil, err
		}
	}
	t.metrics = after.aspects(before, st, known)
	s.taken = append(s.taken, t)
	return after, nil
}

// hold sends the request that goes on during the step, and returns when it is held. To let it go, and to wait until it is over,
// is for the caller.
func (s *server) hold(ctx context.Context, st step, p protocol, id string, vars map[string]string) (release func() error, err error) {
	during, err := st.during.over(p, vars)
	if err != nil {
		return nil, err
	}
	holds, err := expand(st.holds, vars)
	if err != nil {
		return nil, err
	}
	id += ".during"
	h := s.backend.hold(holds)
	ended := make(chan error, 1)
	go func() {
		c := s.target.conn(p)
		defer c.close()
		answers, err := c.send(ctx, during, id, s.identity(during.as))
		if err == nil && answers[0].status != during.want {
			err = fmt.Errorf("what was to go on meanwhile: status %d, want %d: %.300s", answers[0].status, during.want, answers[0].body)
		}
		ended <- err
	}()
	select {
	case <-h.arrived:
	case err := <-ended:
		return nil, fmt.Errorf("what was to go on meanwhile has ended: %w", err)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return func() error {
		h.release()
		if err := <-ended; err != nil {
			return err
		}
		return s.records.await(ctx, id)
	}, nil
}

// await sends a step until it is answered as wanted.
func (s *server) await(ctx context.Context, st step, id string, send func(id string) ([]*answer, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitTimeout, fmt.Errorf("not within %v", awaitTimeout))
	defer cancel()
	ticker := time.NewTicker(awaitInterval)
	defer ticker.Stop()
	last := &answer{}
	for n := 0; ; n++ {
		try := fmt.Sprintf("%s.try%d", id, n)
		answers, err := send(try)
		if err == nil {
			last = answers[0]
			err = s.records.await(ctx, try)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() == nil && last.status == st.want && (st.until == nil || st.until(last)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not answered as awaited: %w; at last with status %d: %.300s", context.Cause(ctx), last.status, last.body)
		case <-ticker.C:
		}
	}
}

// counted is the metrics after a request: as soon as it has been counted, or when that does not happen.
func (s *server) counted(ctx context.Context, before scrape) (scrape, error) {
	ticker := time.NewTicker(awaitInterval)
	defer ticker.Stop()
	for range scrapes {
		now, err := s.scrape(ctx)
		if err != nil {
			return nil, err
		}
		for series := range now.since(before) {
			if strings.HasPrefix(series, "apiserver_request_duration_seconds_count") {
				return now, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return s.scrape(ctx)
}
