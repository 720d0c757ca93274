package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Compact has etcd forget everything but what is there now: older resource versions have expired from then on.
func (c *Cluster) Compact(ctx context.Context) error {
	cert, err := tls.LoadX509KeyPair(c.path(pkiDir, etcdClientCert), c.path(pkiDir, etcdClientKey))
	if err != nil {
		return fmt.Errorf("etcd's client certificate: %w", err)
	}
	ca, err := os.ReadFile(c.path(pkiDir, caCert))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return errors.New("the cluster's CA is not a PEM certificate")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
	}}}
	defer client.CloseIdleConnections()

	var answer struct {
		Header struct{ Revision string } // etcd's JSON has numbers as text
	}
	ask := func(path string, request, into any) error {
		ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
		defer cancel()
		body, err := json.Marshal(request)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcdURL+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd: POST %s: HTTP status %d: %s", path, resp.StatusCode, data)
		}
		return json.Unmarshal(data, into)
	}
	if err := ask("/v3/kv/range", map[string]any{"key": []byte("none")}, &answer); err != nil {
		return err
	}
	return ask("/v3/kv/compaction", map[string]any{"revision": answer.Header.Revision, "physical": true}, &struct{}{})
}
