package cluster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Names below Config.Dir.
const (
	kubeconfigFile   = "kubeconfig"
	auditPolicyFile  = "audit-policy.yaml"
	tokenFile        = "tokens.csv"
	lockFile         = "lock"
	pkiDir           = "pki"
	caCert           = "ca.crt"
	servingCert      = "kube-apiserver.crt"
	servingKey       = "kube-apiserver.key"
	etcdCert         = "etcd.crt"
	etcdKey          = "etcd.key"
	etcdClientCert   = "etcd-client.crt"
	etcdClientKey    = "etcd-client.key"
	adminCert        = "admin.crt"
	adminKey         = "admin.key"
	frontProxyCert   = "front-proxy.crt"
	frontProxyKey    = "front-proxy.key"
	serviceAccountPK = "service-account.key"
)

// defaultAuditPolicy leaves out what nobody asked for (health checks, the server's requests to itself) and
// the stage that repeats the next one.
const defaultAuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
- level: None
  users: ["system:apiserver"]
- level: Metadata
`

// makeDir makes the state directory. It keeps out other users: a token or a key in it is as good as root on
// the cluster.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return explainDisk(dir, fmt.Errorf("state directory: %w", err))
	}
	return nil
}

// writeFiles clears what an earlier run left and writes what the two processes read.
func (c *Cluster) writeFiles() (*pki, error) {
	if err := c.clear(); err != nil {
		return nil, err
	}
	p, err := newPKI()
	if err != nil {
		return nil, err
	}
	tokens, err := encodeTokens(c.conf.Tokens)
	if err != nil {
		return nil, err
	}
	policy := c.conf.AuditPolicy
	if policy == "" {
		policy = defaultAuditPolicy
	}
	if err := makeDir(c.path(pkiDir)); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		path string
		data []byte
	}{
		{c.path(pkiDir, caCert), p.ca},
		{c.path(pkiDir, servingCert), p.serving.cert},
		{c.path(pkiDir, servingKey), p.serving.key},
		{c.path(pkiDir, etcdCert), p.etcd.cert},
		{c.path(pkiDir, etcdKey), p.etcd.key},
		{c.path(pkiDir, etcdClientCert), p.etcdClient.cert},
		{c.path(pkiDir, etcdClientKey), p.etcdClient.key},
		{c.path(pkiDir, adminCert), p.admin.cert},
		{c.path(pkiDir, adminKey), p.admin.key},
		{c.path(pkiDir, frontProxyCert), p.frontProxy.cert},
		{c.path(pkiDir, frontProxyKey), p.frontProxy.key},
		{c.path(pkiDir, serviceAccountPK), p.serviceAccount},
		{c.path(tokenFile), tokens},
		{c.path(auditPolicyFile), []byte(policy)},
	} {
		if err := writeFile(f.path, f.data); err != nil {
			return nil, explainDisk(c.conf.Dir, err)
		}
	}
	return p, nil
}

// clear removes an earlier run's data, and only what a run writes: Dir may be a directory of somebody's.
// etcd runs without fsync, so its data would not be worth reading after a crash, unless it is to be kept.
func (c *Cluster) clear() error {
	old := []string{c.path(kubeconfigFile)}
	patterns := []string{"audit.log", "audit-*.log", "etcd.log", "etcd-[1-9].log", "kube-apiserver.log", "kube-apiserver.[1-9]*.log", "kube-apiserver-[1-9]*.log"}
	if !c.conf.KeepData {
		patterns = append(patterns, "etcd-data", "etcd-data-[1-9]")
	}
	for _, pattern := range patterns {
		found, err := fs.Glob(os.DirFS(c.conf.Dir), pattern)
		if err != nil {
			return fmt.Errorf("state of an earlier run: %w", err)
		}
		for _, name := range found {
			old = append(old, c.path(name))
		}
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("clearing an earlier run's state: %w", err)
		}
	}
	return nil
}

// encodeTokens renders kube-apiserver's token file: token,user,uid. The user's name serves as uid.
func encodeTokens(tokens map[string]string) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	var names []string
	for token, user := range tokens {
		if token == "" || user == "" {
			return nil, fmt.Errorf("token of user %q: neither may be empty", user)
		}
		names = append(names, token)
	}
	slices.Sort(names)
	for _, token := range names {
		w.Write([]string{token, tokens[token], tokens[token]})
	}
	w.Flush()
	return buf.Bytes(), w.Error()
}

func (c *Cluster) writeKubeconfig() error {
	const name = "test-cluster"
	conf := api.NewConfig()
	conf.Clusters[name] = &api.Cluster{Server: c.url, CertificateAuthorityData: c.admin.CAData}
	conf.AuthInfos["admin"] = &api.AuthInfo{
		ClientCertificateData: c.admin.CertData, ClientKeyData: c.admin.KeyData,
	}
	conf.Contexts[name] = &api.Context{Cluster: name, AuthInfo: "admin"}
	conf.CurrentContext = name
	data, err := clientcmd.Write(*conf)
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	return explainDisk(c.conf.Dir, writeFile(c.Kubeconfig(), data))
}

// writeFile writes a file that only its owner may read, whatever mode an earlier one had.
func writeFile(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// explainDisk adds to an error that stems from a full disk what is full and what to do.
func explainDisk(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%s", diskFull(dir, err))
	}
	return err
}

func diskFull(dir string, cause any) string {
	return fmt.Sprintf("the disk that holds %s is full (%v): a run takes some 200 MB there; free space and start again, "+
		"or choose a directory on another disk", dir, cause)
}

// checkBinary tells apart the ways in which a binary cannot be run, before anything is written.
func checkBinary(name, path string) error {
	if path == "" {
		return fmt.Errorf("no path of a %s binary given", name)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s binary %s does not exist: build it, or give the path of another", name, path)
	case err != nil:
		return fmt.Errorf("%s binary: %w", name, err)
	case info.IsDir():
		return fmt.Errorf("%s binary %s is a directory: give the path of the binary itself", name, path)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s binary %s is not executable: chmod +x it, or build it again", name, path)
	}
	return nil
}
