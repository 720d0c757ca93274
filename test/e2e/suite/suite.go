package suite

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Label is on all that the suite makes; its value is the run's suffix.
const Label = "e2e.fork.internal/run"

const (
	pollInterval = 50 * time.Millisecond

	// settleTimeout bounds what a server takes to notice a new object: a webhook, a binding, a definition. A slow
	// machine takes seconds.
	settleTimeout = 30 * time.Second
)

// Suite is a cluster, and what the suite has made there. Its fields are not changed after Open; its methods may be
// called from several goroutines.
//
// Everything that is made carries Label and is made by a client of the suite's, whose requests end with its context:
// once that is done nothing more is made, and Close removes all that was.
type Suite struct {
	Config  Config
	REST    *rest.Config // no limit of its own
	Client  kubernetes.Interface
	Dynamic dynamic.Interface

	// Version is the server's, and Fork whether it has the fork, switched on.
	Version string
	Fork    bool

	// Unmeasured is why the metrics cannot be compared with what was done, or empty.
	Unmeasured string

	// Suffix is random, and in every name.
	Suffix string
	// Namespace is for whatever needs no other.
	Namespace string
	// User has all rights in Namespace, none elsewhere, and Level, a priority level, to itself.
	User, Level string

	Records *Records

	ctx      context.Context
	progress io.Writer
}

// Open looks whether the suite can run, without a change to the cluster, and then makes what all tests need. ctx is
// that of all that the suite does, but for Close, which the caller calls if there is no error.
func Open(ctx context.Context, conf Config, progress io.Writer) (*Suite, error) {
	s := &Suite{Config: conf, Suffix: strings.ToLower(rand.Text())[:8], ctx: ctx, progress: progress}
	var err error
	if s.REST, err = load(conf.Kubeconfig); err != nil {
		return nil, err
	}
	info, err := askVersion(ctx, conf.Kubeconfig, s.REST)
	if err != nil {
		return nil, err
	}
	s.Version = info.GitVersion
	if err := checkSkew(info); err != nil {
		return nil, err
	}
	if s.Client, err = kubernetes.NewForConfig(s.REST); err != nil {
		return nil, err
	}
	if s.Dynamic, err = dynamic.NewForConfig(s.REST); err != nil {
		return nil, err
	}
	if err := checkRights(ctx, conf.Kubeconfig, s.Client); err != nil {
		return nil, err
	}
	if err := s.recognise(); err != nil {
		return nil, err
	}
	if s.Records, err = openRecords(conf.AuditLog); err != nil {
		return nil, err
	}
	if err := s.setUp(); err != nil {
		s.Close()
		return nil, fmt.Errorf("preparing the cluster: %w", err)
	}
	return s, nil
}

// Context is done when the suite is to end.
func (s *Suite) Context() context.Context { return s.ctx }

// Name is a name for an object of this run.
func (s *Suite) Name(what string) string { return "e2e-" + s.Suffix + "-" + what }

// Labels are those of everything that is made, with further ones in pairs.
func (s *Suite) Labels(more ...string) map[string]string {
	labels := map[string]string{Label: s.Suffix}
	for i := 0; i < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return labels
}

// Meta is the metadata of an object of this run.
func (s *Suite) Meta(name string, more ...string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: s.Labels(more...)}
}

// Say prints a line of progress.
func (s *Suite) Say(format string, args ...any) { fmt.Fprintf(s.progress, format+"\n", args...) }

// Eventually repeats check until it is nil, and returns what it said last when that does not happen within d.
func (s *Suite) Eventually(d time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeoutCause(s.ctx, d, fmt.Errorf("not within %v", d))
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// Settled is Eventually for what a server takes to notice.
func (s *Suite) Settled(check func() error) error { return s.Eventually(settleTimeout, check) }

// MakeNamespace makes a namespace, with a service account: there may be no controller to make that.
func (s *Suite) MakeNamespace(what string) (string, error) {
	name := s.Name(what)
	if _, err := s.Client.CoreV1().Namespaces().Create(s.ctx, &corev1.Namespace{ObjectMeta: s.Meta(name)}, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := s.Client.CoreV1().ServiceAccounts(name).Create(s.ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	return name, nil
}

// Seats are those that the requests of User have at the moment.
func (s *Suite) Seats() (float64, error) {
	m, err := s.Metrics()
	return m.Sum("apiserver_flowcontrol_current_executing_seats", L{"priority_level": s.Level}), err
}
