package chain

import (
	"context"
	"fmt"
	"strings"
	"sync"

	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
)

// placesOfWatch is how many events wait for the client of a watch.
const placesOfWatch = 1000

// WatchedPods is a storage of pods that can be watched. Of what is sent, a watch
// whose client takes nothing misses what it has no place for, as the watch cache
// has it. It is safe for use by any number of goroutines.
type WatchedPods struct {
	*Pods

	mu       sync.Mutex
	watching map[*podWatch]struct{}
	sent     int
}

// NewWatchedPods returns a storage that nobody watches.
func NewWatchedPods() *WatchedPods {
	return &WatchedPods{Pods: &Pods{}, watching: map[*podWatch]struct{}{}}
}

// podWatch is a watch. It is registered until it is stopped.
type podWatch struct {
	pods   *WatchedPods
	events chan watch.Event
}

// Watch implements rest.Watcher.
func (p *WatchedPods) Watch(context.Context, *metainternalversion.ListOptions) (watch.Interface, error) {
	w := &podWatch{pods: p, events: make(chan watch.Event, placesOfWatch)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watching[w] = struct{}{}
	return w, nil
}

// Stop implements watch.Interface.
func (w *podWatch) Stop() {
	w.pods.mu.Lock()
	defer w.pods.mu.Unlock()
	delete(w.pods.watching, w)
}

// ResultChan implements watch.Interface.
func (w *podWatch) ResultChan() <-chan watch.Event { return w.events }

// Watches returns how many watches have not been stopped.
func (p *WatchedPods) Watches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.watching)
}

// Send sends an event, of at least so many bytes, to all watches, and returns its
// number, which is in the pod's name: PodName.
func (p *WatchedPods) Send(size int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	var pod runtime.Object = &example.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: PodName(p.sent), Namespace: "default", Annotations: map[string]string{"filler": strings.Repeat("x", size)},
	}}
	for w := range p.watching {
		select {
		case w.events <- watch.Event{Type: watch.Modified, Object: pod}:
		default:
		}
	}
	return p.sent
}

// PodName is the name of the pod in the event with that number, of which 1 is the first.
func PodName(n int) string { return fmt.Sprintf("pod-%d", n) }
