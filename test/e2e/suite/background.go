package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

const (
	// writeInterval is how long the writer waits between two writes.
	writeInterval = 50 * time.Millisecond

	// catchUp bounds what the last event may take.
	catchUp = 30 * time.Second

	seqKey = "seq"
)

// event is one that somebody who watches gets. seq is the object's content: it is another with each write.
type event struct{ kind, name, seq string }

// watcher is somebody who watches.
type watcher struct {
	name string

	mu   sync.Mutex
	got  []event
	over error // why it has ended, once it has
}

func (w *watcher) add(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, e)
}

func (w *watcher) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = err
}

func (w *watcher) events() ([]event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got[:len(w.got):len(w.got)], w.over
}

// Background writes all the time, and has others watch: over either protocol, and by an informer. What they get is
// what was written, once each and in order, whatever else the server is asked meanwhile.
type Background struct {
	// HTTP2 is the client of one of the watches: what is sent by it goes over the watch's own connection.
	HTTP2 *Client

	s         *Suite
	namespace string
	watchers  []*watcher
	cancel    context.CancelFunc // ends the watches
	stop      chan struct{}      // ends the writer; closed once, by Finish
	writers   sync.WaitGroup
	running   sync.WaitGroup

	written  []event // the writer's until it has ended
	writeErr error   // likewise
}

// StartBackground starts it. Finish ends it; until then it runs as long as the suite.
func (s *Suite) StartBackground() (*Background, error) {
	ns, err := s.MakeNamespace("watched")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	b := &Background{s: s, namespace: ns, cancel: cancel, stop: make(chan struct{})}
	list, err := s.Client.CoreV1().ConfigMaps(ns).List(ctx, s.ours())
	if err != nil {
		cancel()
		return nil, err
	}
	for _, p := range Protocols {
		if err := b.watch(ctx, p, list.ResourceVersion); err != nil {
			cancel()
			b.running.Wait()
			return nil, err
		}
	}
	if err := b.inform(ctx); err != nil {
		cancel()
		b.running.Wait()
		return nil, err
	}
	b.writers.Go(b.write)
	return b, nil
}

func (b *Background) watch(ctx context.Context, p Protocol, from string) error {
	c, err := b.s.NewClient(p, nil)
	if err != nil {
		return err
	}
	if p == HTTP2 {
		b.HTTP2 = c
	}
	query := url.Values{"watch": {"1"}, "resourceVersion": {from}, "timeoutSeconds": {fmt.Sprint(int((time.Hour + b.s.Config.Streams).Seconds()))}, "labelSelector": {b.s.ours().LabelSelector}}
	resp, _, err := c.Send(ctx, Request{Path: "/api/v1/namespaces/" + b.namespace + "/configmaps?" + query.Encode(), Unrecorded: true})
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return fmt.Errorf("a watch: status %d", resp.StatusCode)
	}
	w := &watcher{name: "the watch over " + string(p)}
	b.watchers = append(b.watchers, w)
	b.running.Go(func() {
		defer resp.Body.Close()
		dec := json.NewDecoder(resp.Body)
		for {
			var e struct {
				Type   string
				Object corev1.ConfigMap
			}
			if err := dec.Decode(&e); err != nil {
				if err == io.EOF {
					err = errors.New("it was ended")
				}
				w.end(err)
				return
			}
			w.add(event{e.Type, e.Object.Name, e.Object.Data[seqKey]})
		}
	})
	return nil
}

func (b *Background) inform(ctx context.Context) error {
	maps := b.s.Client.CoreV1().ConfigMaps(b.namespace)
	selector := b.s.ours().LabelSelector
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return maps.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return maps.Watch(ctx, o)
		},
	}, &corev1.ConfigMap{}, 0, nil)
	w := &watcher{name: "the informer"}
	b.watchers = append(b.watchers, w)
	add := func(kind watch.EventType, obj any) {
		if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			w.end(fmt.Errorf("it has missed the end of %s", gone.Key))
			obj = gone.Obj
		}
		if m, ok := obj.(*corev1.ConfigMap); ok {
			w.add(event{string(kind), m.Name, m.Data[seqKey]})
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { add(watch.Added, obj) },
		UpdateFunc: func(_, obj any) { add(watch.Modified, obj) },
		DeleteFunc: func(obj any) { add(watch.Deleted, obj) },
	}); err != nil {
		return err
	}
	b.running.Go(func() { informer.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return errors.New("the informer has not synced")
	}
	return nil
}

// write makes, changes and deletes one object after another until it is stopped.
func (b *Background) write() {
	maps := b.s.Client.CoreV1().ConfigMaps(b.namespace)
	ticker := time.NewTicker(writeInterval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		m := &corev1.ConfigMap{ObjectMeta: b.s.Meta(fmt.Sprintf("object-%05d", n))}
		for step := range 4 {
			select {
			case <-b.stop:
				return
			case <-b.s.ctx.Done():
				return
			case <-ticker.C:
			}
			kind, err := watch.Modified, error(nil)
			switch step {
			case 0:
				kind, m.Data = watch.Added, map[string]string{seqKey: "0"}
				m, err = maps.Create(b.s.ctx, m, metav1.CreateOptions{})
			case 3:
				kind = watch.Deleted
				err = maps.Delete(b.s.ctx, m.Name, metav1.DeleteOptions{})
			default:
				m.Data[seqKey] = fmt.Sprint(step)
				m, err = maps.Update(b.s.ctx, m, metav1.UpdateOptions{})
			}
			if err != nil {
				b.writeErr = fmt.Errorf("after %d writes: %w", len(b.written), err)
				return
			}
			b.written = append(b.written, event{string(kind), m.Name, m.Data[seqKey]})
		}
	}
}

// Finish ends it, and returns how many events there were and what was wrong with what was got of them.
func (b *Background) Finish() (events int, wrong []string) {
	close(b.stop)
	b.writers.Wait()
	if b.writeErr != nil {
		wrong = append(wrong, "writing: "+b.writeErr.Error())
	}
	for _, w := range b.watchers {
		b.s.Eventually(catchUp, func() error {
			if got, over := w.events(); len(got) < len(b.written) && over == nil {
				return errors.New("not all")
			}
			return nil
		}) // What is missing is told below.
		got, over := w.events()
		if over != nil {
			wrong = append(wrong, fmt.Sprintf("%s ended after %d of %d events: %v", w.name, len(got), len(b.written), over))
		}
		for i := range max(len(got), len(b.written)) {
			if i >= len(got) || i >= len(b.written) || got[i] != b.written[i] {
				wrong = append(wrong, fmt.Sprintf("%s got %d events for %d writes; they differ from the %dth on: %v, of %v", w.name, len(got), len(b.written), i+1, tail(got, i), tail(b.written, i)))
				break
			}
		}
	}
	b.cancel()
	b.running.Wait()
	b.HTTP2.Close()
	return len(b.written), wrong
}

func tail(events []event, from int) []event {
	from = min(from, len(events))
	return events[from:min(from+3, len(events))]
}
