package suite

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// answerTimeout is how long a server may take to say its version.
	answerTimeout = 10 * time.Second

	// oldestMinor is the oldest that the suite's requests are known to work with.
	oldestMinor = 34

	// clientMinor is that of the client libraries: a test's program does not know what it is made of. A test holds it
	// against go.mod.
	clientMinor = 37
)

// needed are the rights without which the suite does not begin. It makes one of each.
var needed = []authorizationv1.ResourceAttributes{
	{Verb: "create", Resource: "namespaces"},
	{Verb: "create", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
	{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"},
	{Verb: "create", Group: "apiregistration.k8s.io", Resource: "apiservices"},
	{Verb: "create", Group: "flowcontrol.apiserver.k8s.io", Resource: "flowschemas"},
	{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings"},
	{Verb: "impersonate", Resource: "users"},
	{Verb: "create", Resource: "pods"},
}

// load reads the kubeconfig.
func load(path string) (*rest.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: path}
	conf, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig %s is of no use: %w; next: kubectl --kubeconfig=%s config view", path, err, path)
	}
	conf.QPS = -1 // How fast the suite is, is its own business.
	conf.UserAgent = "fork-e2e"
	return conf, nil
}

// askVersion has the server say what it is.
func askVersion(ctx context.Context, path string, conf *rest.Config) (*version.Info, error) {
	conf = rest.CopyConfig(conf)
	conf.Timeout = answerTimeout
	client, err := discovery.NewDiscoveryClientForConfig(conf)
	if err != nil {
		return nil, err
	}
	info, err := client.ServerVersionWithContext(ctx)
	next := fmt.Sprintf("next: kubectl --kubeconfig=%s get --raw /version", path)
	switch {
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return nil, fmt.Errorf("the server at %s does not take the credentials of %s: %w; %s", conf.Host, path, err, next)
	case err != nil:
		return nil, fmt.Errorf("the server at %s, of %s, does not answer: %w; %s", conf.Host, path, err, next)
	}
	return info, nil
}

var digits = regexp.MustCompile(`^\d+`)

// checkSkew fails for a server that is too old or too new for the suite's client libraries.
func checkSkew(info *version.Info) error {
	minor, err := strconv.Atoi(digits.FindString(info.Minor)) // Some have a plus behind it.
	if err != nil || info.Major != "1" {
		return fmt.Errorf("the server says that it is %s, major %q and minor %q: no release of Kubernetes; next: run against one of v1.%d to v1.%d",
			info.GitVersion, info.Major, info.Minor, oldestMinor, clientMinor+1)
	}
	if minor < oldestMinor || minor > clientMinor+1 {
		return fmt.Errorf("the server is %s, and the suite's client libraries, of v1.%d, are good for v1.%d to v1.%d; next: take the suite of a checkout whose newest minor, `make pins`, is v0.%d or next to it",
			info.GitVersion, clientMinor, oldestMinor, clientMinor+1, minor)
	}
	return nil
}

// checkRights fails, and says what is missing, when the suite could not do its work.
func checkRights(ctx context.Context, path string, client kubernetes.Interface) error {
	var missing []string
	for _, attributes := range needed {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &attributes}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking what the user of %s may do: %w; next: kubectl --kubeconfig=%s auth whoami", path, err, path)
		}
		if !answer.Status.Allowed {
			resource := attributes.Resource
			if attributes.Group != "" {
				resource += "." + attributes.Group
			}
			missing = append(missing, attributes.Verb+" "+resource)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the user of %s may not %s, and the suite needs a cluster's administrator; next: kubectl --kubeconfig=%s auth can-i %s, or another KUBECONFIG=",
			path, strings.Join(missing, ", nor "), path, missing[0])
	}
	return nil
}
