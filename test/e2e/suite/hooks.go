package suite

import (
	"encoding/json"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HookLabel is on objects that a webhook is called for; its value is the webhook's name.
const HookLabel = "e2e.fork.internal/hook"

// SampleGroup is that of k8s.io/sample-apiserver.
const SampleGroup = "wardle.example.com"

// Hook is an admission webhook. It is called for objects of the run's namespaces that have its name as HookLabel, in
// whatever is done with them.
type Hook struct {
	Name string
	// Address is the host:port at which it is said to be.
	Address string
	// Fail is whether a request fails for which it cannot be called.
	Fail bool
	// Seconds is how long it may take.
	Seconds int32
}

// Hooks are webhooks that are made and go together. They are called at the same time, or one after the other if they
// are Serial.
type Hooks struct {
	s    *Suite
	name string
	kind string
}

// MakeHooks makes validating webhooks.
func (s *Suite) MakeHooks(what string, hooks ...Hook) (*Hooks, error) {
	conf := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: s.Meta(s.Name(what))}
	for _, h := range hooks {
		p := s.hookParts(h)
		conf.Webhooks = append(conf.Webhooks, admissionv1.ValidatingWebhook{
			Name: p.name, ClientConfig: p.client, Rules: p.rules, FailurePolicy: &p.policy, NamespaceSelector: &p.namespaces,
			ObjectSelector: &p.objects, SideEffects: &p.effects, TimeoutSeconds: &h.Seconds, AdmissionReviewVersions: []string{"v1"},
		})
	}
	_, err := s.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(s.ctx, conf, metav1.CreateOptions{})
	return &Hooks{s, conf.Name, made[0].Resource}, err
}

// MakeSerialHooks makes mutating webhooks, which change nothing. All are called for objects with the first one's name.
func (s *Suite) MakeSerialHooks(what string, hooks ...Hook) (*Hooks, error) {
	conf := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: s.Meta(s.Name(what))}
	for _, h := range hooks {
		p := s.hookParts(h)
		p.objects.MatchLabels[HookLabel] = hooks[0].Name
		conf.Webhooks = append(conf.Webhooks, admissionv1.MutatingWebhook{
			Name: p.name, ClientConfig: p.client, Rules: p.rules, FailurePolicy: &p.policy, NamespaceSelector: &p.namespaces,
			ObjectSelector: &p.objects, SideEffects: &p.effects, TimeoutSeconds: &h.Seconds, AdmissionReviewVersions: []string{"v1"},
		})
	}
	_, err := s.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(s.ctx, conf, metav1.CreateOptions{})
	return &Hooks{s, conf.Name, made[1].Resource}, err
}

type hookParts struct {
	name                string
	client              admissionv1.WebhookClientConfig
	rules               []admissionv1.RuleWithOperations
	policy              admissionv1.FailurePolicyType
	effects             admissionv1.SideEffectClass
	namespaces, objects metav1.LabelSelector
}

func (s *Suite) hookParts(h Hook) hookParts {
	url := "https://" + h.Address + "/"
	p := hookParts{
		name:   h.Name + ".e2e.fork.internal",
		client: admissionv1.WebhookClientConfig{URL: &url},
		rules: []admissionv1.RuleWithOperations{{
			Operations: []admissionv1.OperationType{admissionv1.OperationAll},
			Rule:       admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*"}},
		}},
		policy:     admissionv1.Ignore,
		effects:    admissionv1.SideEffectClassNone,
		namespaces: metav1.LabelSelector{MatchLabels: s.Labels()},
		objects:    metav1.LabelSelector{MatchLabels: map[string]string{HookLabel: h.Name}},
	}
	if h.Fail {
		p.policy = admissionv1.Fail
	}
	return p
}

// Remove removes them before the run's end.
func (h *Hooks) Remove() {
	for _, kind := range made {
		if kind.Resource == h.kind {
			h.s.Remove(kind, h.name) // If that fails, the run's end tries again, and says so.
		}
	}
}

// Await waits until the one of that name is called, which fails requests.
func (h *Hooks) Await(name string) error {
	return h.s.Settled(func() error {
		a, err := h.try(name)
		if err == nil && a.Code/100 == 2 {
			return fmt.Errorf("the webhook %s is not called", name)
		}
		return nil
	})
}

// try sends a request that changes nothing, for which the webhook is to be called.
func (h *Hooks) try(name string) (*Answer, error) {
	c, err := h.s.NewClient(HTTP1, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	body, err := json.Marshal(Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": Object{
		"generateName": "try-", "labels": Object{HookLabel: name},
	}})
	if err != nil {
		return nil, err
	}
	return c.Do(h.s.ctx, Request{
		Method: http.MethodPost, Path: "/api/v1/namespaces/" + h.s.Namespace + "/configmaps?dryRun=All&timeout=2s", Body: body, Unrecorded: true,
	})
}
