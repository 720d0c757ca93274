package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
)

// The suite cannot ask the module how old its libraries are, so it says so itself.
func TestTheClientsMinorIsThatOfGoMod(t *testing.T) {
	data, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\tk8s\.io/client-go v0\.(\d+)\.`).FindSubmatch(data)
	if m == nil || string(m[1]) != fmt.Sprint(clientMinor) {
		t.Errorf("client-go is v0.%s in go.mod, and clientMinor is %d; next: try the suite with the oldest and the newest minor, and say so in preflight.go", m[1], clientMinor)
	}
}

func TestServersOfAnotherMinor(t *testing.T) {
	for minor, ok := range map[string]bool{
		"33": false, "34": true, "37": true, "38": true, "39": false, "37+": true, "": false, "x": false,
	} {
		err := checkSkew(&version.Info{Major: "1", Minor: minor, GitVersion: "v1." + minor + ".0"})
		if (err == nil) != ok {
			t.Errorf("minor %q: %v", minor, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "v1."+minor+".0") || !strings.Contains(err.Error(), "; next: ")) {
			t.Errorf("minor %q: %v", minor, err)
		}
	}
	if err := checkSkew(&version.Info{Major: "2", Minor: "37"}); err == nil {
		t.Error("a server of another major is taken")
	}
}

// toy is a server that says that it is of a minor, and allows all but some verbs. It notes what it is asked to make.
type toy struct {
	minor  string
	denied []string
	made   []string
}

func (s *toy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch {
	case r.URL.Path == "/version":
		answer = version.Info{Major: "1", Minor: s.minor, GitVersion: "v1." + s.minor + ".0"}
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		review := &authorizationv1.SelfSubjectAccessReview{}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, review)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SelfSubjectAccessReview"
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = !slices.Contains(s.denied, a.Verb+" "+a.Resource)
		answer = review
	case r.URL.Path == "/metrics":
		fmt.Fprintln(w, "process_start_time_seconds 1")
		return
	default:
		s.made = append(s.made, r.Method+" "+r.URL.Path)
		http.Error(w, "no", http.StatusInsufficientStorage)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

// kubeconfigFor is a kubeconfig with a server's address, and nobody's credentials.
func kubeconfigFor(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],`+
		`"users":[{"name":"u","user":{}}],"clusters":[{"name":"c","cluster":{"server":%q,"insecure-skip-tls-verify":true}}]}`, url)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatCannotBeRunAgainst(t *testing.T) {
	silent, err := listenSilently("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(silent.Close) // After the last of those below.
	gone := httptest.NewTLSServer(nil)
	gone.Close()
	notOne := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(notOne.Close)
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name string
		path string // of a kubeconfig; empty for the server's
		toy  *toy
		want string
	}{
		{"no file", filepath.Join(t.TempDir(), "none"), nil, "is of no use"},
		{"no kubeconfig", broken, nil, "is of no use"},
		{"nobody there", kubeconfigFor(t, gone.URL), nil, "does not answer"},
		{"nobody says anything", kubeconfigFor(t, "https://"+silent.Addr().String()), nil, "does not answer"},
		{"no API server", kubeconfigFor(t, notOne.URL), nil, "does not answer"},
		{"too old", "", &toy{minor: "33"}, "the server is v1.33.0"},
		{"too new", "", &toy{minor: "41"}, "the server is v1.41.0"},
		{"no right to make namespaces", "", &toy{minor: "37", denied: []string{"create namespaces"}}, "may not create namespaces, and"},
		{"few rights", "", &toy{minor: "37", denied: []string{"create namespaces", "impersonate users"}}, "may not create namespaces, nor impersonate users, and"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.toy != nil {
				srv := httptest.NewTLSServer(tt.toy)
				defer srv.Close()
				tt.path = kubeconfigFor(t, srv.URL)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := Open(ctx, Config{Kubeconfig: tt.path}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "next: ") != 1 {
				t.Errorf("got %v", err)
			}
			if tt.toy != nil && len(tt.toy.made) > 0 {
				t.Errorf("it was asked for %q", tt.toy.made)
			}
		})
	}
}
