package deadlinepolicy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// methods are the HTTP methods of the API's verbs.
var methods = map[string]string{
	"get": http.MethodGet, "list": http.MethodGet, "watch": http.MethodGet, "create": http.MethodPost, "update": http.MethodPut,
	"patch": http.MethodPatch, "delete": http.MethodDelete, "deletecollection": http.MethodDelete,
}

// httpMethods are those that a non-resource path may be asked with. In lower case they
// are verbs.
var httpMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodOptions, http.MethodConnect, http.MethodTrace,
}

// newInfo parses a request as kube-apiserver does. The verb is one of the API's, in
// lower case, or an HTTP method; target is a path, with or without a
// query. timeout is that of the query, or 0.
func newInfo(verb, target string) (info *request.RequestInfo, timeout time.Duration, err error) {
	if verb == "" || target == "" {
		return nil, 0, errors.New("which request? It takes a verb and a path: make policy FILE=policy.yaml VERB=list REQUEST=/api/v1/pods")
	}
	method, ok := methods[verb]
	if upper := strings.ToUpper(verb); !ok && slices.Contains(httpMethods, upper) {
		method, ok = upper, true
	}
	if !ok {
		return nil, 0, fmt.Errorf("%q is no verb: say get, list, watch, create, update, patch, delete or deletecollection, or an HTTP method", verb)
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || !strings.HasPrefix(target, "/") {
		return nil, 0, fmt.Errorf("%q is no path of a request: it must be as in a URL, such as /api/v1/namespaces/default/pods", target)
	}
	query := u.Query()
	if verb == "watch" {
		query.Set("watch", "true")
		u.RawQuery = query.Encode()
	}
	factory := request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	info, err = factory.NewRequestInfo(&http.Request{Method: method, URL: u})
	if err != nil {
		return nil, 0, err
	}
	if verb != method && info.Verb != verb {
		return nil, 0, fmt.Errorf("%s of %s is no %s, but a %s: say that, or another path", method, target, verb, info.Verb)
	}
	if s := query.Get("timeout"); s != "" {
		if timeout, err = time.ParseDuration(s); err != nil {
			return nil, 0, fmt.Errorf("?timeout=%s is no duration, and a request with it is refused: say one such as 5s", s)
		}
	}
	return info, timeout, nil
}

// longRunning reports whether a request has no deadline, as kube-apiserver has it.
func longRunning(info *request.RequestInfo) bool {
	switch {
	case info.Verb == "watch" || info.Verb == "proxy":
		return true
	case info.IsResourceRequest:
		return slices.Contains([]string{"attach", "exec", "proxy", "log", "portforward"}, info.Subresource)
	}
	return strings.HasPrefix(info.Path, "/debug/pprof/")
}

// newUser adds to a user the groups that authentication gives to each, as an
// impersonated user gets them. It is nil if nothing is said.
func newUser(name string, groups []string) user.Info {
	if name == "" && len(groups) == 0 {
		return nil
	}
	groups = slices.Clone(groups)
	if namespace, _, err := serviceaccount.SplitUsername(name); err == nil && len(groups) == 0 {
		groups = serviceaccount.MakeGroupNames(namespace)
	}
	everybody := user.AllAuthenticated
	if name == user.Anonymous {
		everybody = user.AllUnauthenticated
	}
	if !slices.Contains(groups, everybody) {
		groups = append(groups, everybody)
	}
	return &user.DefaultInfo{Name: name, Groups: groups}
}
