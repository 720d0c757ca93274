package sidebyside

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/rest"

	"fork.internal/apiserver/test/cluster"
)

// auditPolicy has every stage of every request of ours with all that it holds, but for large answers, and none of the
// server's own.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  users: ["system:apiserver", "admin"]
- level: None
  nonResourceURLs: ["` + probePath + `"]
- level: Metadata
  namespaces: ["` + largeNamespace + `"]
- level: RequestResponse
`

// serverArgs are what both servers are started with, besides what any cluster of this kind has.
var serverArgs = []string{
	"-v=3", // the HTTP log
	"--audit-log-maxsize=1000",
	`--cors-allowed-origins=^https://side\.example$`,
	"--strict-transport-security-directives=max-age=3600",
}

// server is a running kube-apiserver, and what is known of it. It is used by one goroutine.
type server struct {
	name     string
	cluster  *cluster.Cluster
	backend  *backend
	version  string
	target   target
	tokens   map[user]string
	admin    *http.Client
	norm     *normaliser
	records  *records
	progress io.Writer

	taken []taken
	wrong []string // steps that did not get what they are there for
}

func startServer(ctx context.Context, name, binary, etcd, dir string, progress io.Writer) (_ *server, err error) {
	s := &server{name: name, progress: progress, tokens: map[user]string{}}
	tokens := map[string]string{}
	for _, u := range []user{ordinary, reader, throttled} {
		s.tokens[u] = rand.Text()
		tokens[s.tokens[u]] = u.name()
	}
	s.tokens[stranger] = rand.Text()
	s.say("starting etcd and kube-apiserver")
	s.backend = startBackend()
	s.cluster, err = cluster.Start(ctx, cluster.Config{
		KubeAPIServer: binary, Etcd: etcd, Dir: filepath.Join(dir, name),
		Tokens: tokens, AuditPolicy: auditPolicy, ExtraArgs: serverArgs,
	})
	if err != nil {
		s.backend.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, s.explain(err))
			s.stop()
		}
	}()
	if s.version, err = s.cluster.Version(ctx); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.cluster.URL())
	if err != nil {
		return nil, err
	}
	s.target = target{url: s.cluster.URL(), addr: u.Host, roots: x509.NewCertPool(), probe: s.identity(ordinary)}
	if !s.target.roots.AppendCertsFromPEM(s.cluster.CA()) {
		return nil, errors.New("the cluster's CA is not a PEM certificate")
	}
	conf := s.cluster.RESTConfig()
	conf.DisableCompression = true // Of the metrics, which are many and asked for often.
	if s.admin, err = rest.HTTPClientFor(conf); err != nil {
		return nil, err
	}
	// A fork's version is its upstream's with a suffix.
	plain, _, _ := strings.Cut(s.version, "+")
	s.norm = &normaliser{versions: slices.Compact([]string{s.version, plain})}
	s.records = newRecords(s.cluster.Log(), s.cluster.AuditLog(), s.norm)
	return s, s.setUp(ctx)
}

func (s *server) stop() error {
	if s.admin != nil {
		s.admin.CloseIdleConnections()
	}
	s.backend.close()
	return s.cluster.Stop(context.Background())
}

// explain adds to an error how the server ended, when it did.
func (s *server) explain(err error) error {
	if err == nil {
		return nil
	}
	if exit := s.cluster.ExitError(); exit != nil {
		return fmt.Errorf("%w; %w", err, exit)
	}
	return fmt.Errorf("%w (kube-apiserver's log: %s)", err, s.cluster.Log())
}

func (s *server) say(format string, args ...any) {
	fmt.Fprintf(s.progress, s.name+": "+format+"\n", args...)
}

func (s *server) identity(u user) identity {
	if token := s.tokens[u]; token != "" {
		return identity{"Bearer " + token}
	}
	return identity{}
}

func (s *server) scrape(ctx context.Context) (scrape, error) {
	data, err := s.get(ctx, "/metrics", "")
	if err != nil {
		return nil, err
	}
	return parseMetrics(data)
}

// get asks for something as administrator, which leaves no trace in what is compared.
func (s *server) get(ctx context.Context, path, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.target.url+path, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := s.admin.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %d: %.300s", path, resp.StatusCode, data)
	}
	return data, nil
}

// compact has older resource versions expire.
func compact(ctx context.Context, s *server) error { return s.cluster.Compact(ctx) }

// seenPath is the file that keep writes.
func (s *server) seenPath() string { return filepath.Join(filepath.Dir(s.cluster.Log()), "seen.json") }

// keep writes down what was seen of the server, for whoever looks into a difference.
func (s *server) keep(seen []observation) error {
	data, err := json.MarshalIndent(seen, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.seenPath(), data, 0o600)
}
