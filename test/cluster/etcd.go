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
	"slices"
	"time"
)

// etcdAnswerLimit, in bytes, is beyond what etcd itself stores in our runs.
const etcdAnswerLimit = 512 << 20

// startEtcd starts all members and returns when each serves requests, which takes a quorum.
func (c *Cluster) startEtcd(ctx context.Context) error {
	ctx, cancel := c.boundStart(ctx)
	defer cancel()
	for i := range c.ports.etcd {
		if _, err := c.startMember(i); err != nil {
			return err
		}
	}
	for i, p := range c.members() {
		url := "https://" + loopback(c.ports.etcd[i].client)
		if err := c.waitUntil(ctx, p, func(ctx context.Context) error { return c.etcdHealthy(ctx, url) }); err != nil {
			return c.explainQuorum(err)
		}
	}
	return nil
}

// startMember starts the member with the index, for the first time or in place of one that is gone.
func (c *Cluster) startMember(i int) (*process, error) {
	name := numbered("etcd", i, c.conf.EtcdMembers)
	log := c.path(name + ".log")
	c.progressf("starting %s (log: %s)", name, log)
	p, err := startProcess(name, c.conf.Etcd, log, c.etcdArgs(i), nil)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < len(c.etcd) {
		c.etcd[i] = p
	} else {
		c.etcd = append(c.etcd, p)
	}
	return p, nil
}

// stopEtcd stops one member after the other: a leader that is told to end gives its office to another first, and would wait
// for one that is ending too.
func (c *Cluster) stopEtcd(ctx context.Context) error {
	var errs []error
	for _, p := range c.members() {
		errs = append(errs, p.stop(ctx, etcdStopTimeout))
	}
	return errors.Join(errs...)
}

// members are the latest processes of etcd's members.
func (c *Cluster) members() []*process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.etcd)
}

// explainQuorum says of several members what it is that they lack: with all of them there and none that serves, it
// is a quorum too.
func (c *Cluster) explainQuorum(err error) error {
	members := c.members()
	if len(members) == 1 {
		return err
	}
	left := 0
	for _, p := range members {
		if !p.gone() {
			left++
		}
	}
	what := "etcd has no quorum"
	if left > len(members)/2 && left < len(members) {
		what = "etcd has lost a member"
	}
	return fmt.Errorf("%s (%d of %d members run): %w; next: look into the members' logs (%s), and start again",
		what, left, len(members), err, c.path("etcd-*.log"))
}

// EtcdError is nil while all members of etcd run. The error says which has ended, and how; with it goes what is
// measured on the cluster.
func (c *Cluster) EtcdError() error {
	var errs []error
	for _, p := range c.members() {
		errs = append(errs, p.exitError())
	}
	if err := errors.Join(errs...); err != nil {
		return c.explainQuorum(err)
	}
	return nil
}

// newEtcdClient is a client with the certificate that kube-apiserver has.
func newEtcdClient(p *pki) (*http.Client, error) {
	cert, err := tls.X509KeyPair(p.etcdClient.cert, p.etcdClient.key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.ca) {
		return nil, errors.New("the cluster's CA is not a PEM certificate")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
	}}}, nil
}

// etcdHealthy is nil when a member serves requests.
func (c *Cluster) etcdHealthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := c.etcdClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s/health: HTTP status %d: %s", url, resp.StatusCode, bytes.TrimSpace(said))
	}
	return err
}

// etcdPost sends a request of etcd's gRPC gateway, whose JSON has bytes in base64 and numbers as text, to the member with the
// URL. The response's body is the caller's.
func (c *Cluster) etcdPost(ctx context.Context, member, path string, request any) (*http.Response, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, member+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.etcdClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return nil, fmt.Errorf("etcd: POST %s: HTTP status %d: %s", path, resp.StatusCode, said)
	}
	return resp, nil
}

// askEtcd sends a request to the first member and decodes the one answer.
func (c *Cluster) askEtcd(ctx context.Context, path string, request, into any) error {
	return c.askMember(ctx, c.etcdURL, path, request, into)
}

// askMember is askEtcd for the member with the URL.
func (c *Cluster) askMember(ctx context.Context, member, path string, request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	resp, err := c.etcdPost(ctx, member, path, request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, etcdAnswerLimit)).Decode(into); err != nil {
		return fmt.Errorf("etcd: POST %s: %w", path, err)
	}
	return nil
}

// Compact has etcd forget everything but what is there now: older resource versions have expired from then on.
func (c *Cluster) Compact(ctx context.Context) error {
	var answer struct {
		Header struct{ Revision string }
	}
	if err := c.askEtcd(ctx, "/v3/kv/range", map[string]any{"key": []byte("none")}, &answer); err != nil {
		return err
	}
	return c.askEtcd(ctx, "/v3/kv/compaction", map[string]any{"revision": answer.Header.Revision, "physical": true}, &struct{}{})
}

// MakeRoom has etcd give back what it no longer needs, and take writes again if it had refused them for want of space.
func (c *Cluster) MakeRoom(ctx context.Context) error {
	if err := c.Compact(ctx); err != nil {
		return err
	}
	if err := c.askEtcd(ctx, "/v3/maintenance/defragment", struct{}{}, &struct{}{}); err != nil {
		return err
	}
	var raised struct {
		Alarms []struct {
			MemberID string `json:"memberID"`
			Alarm    string `json:"alarm"`
		} `json:"alarms"`
	}
	if err := c.askEtcd(ctx, "/v3/maintenance/alarm", map[string]any{"action": "GET"}, &raised); err != nil {
		return err
	}
	for _, a := range raised.Alarms {
		if err := c.askEtcd(ctx, "/v3/maintenance/alarm", map[string]any{"action": "DEACTIVATE", "memberID": a.MemberID, "alarm": a.Alarm}, &struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

// MoveEtcdLeader has the leader of several members of etcd give its office to another, and returns when that has it.
func (c *Cluster) MoveEtcdLeader(ctx context.Context) error {
	var ids []string
	leader := ""
	status := func(i int) error {
		var answer struct {
			Header struct {
				MemberID string `json:"member_id"`
			} `json:"header"`
			Leader string `json:"leader"`
		}
		err := c.askMember(ctx, "https://"+loopback(c.ports.etcd[i].client), "/v3/maintenance/status", struct{}{}, &answer)
		ids, leader = append(ids, answer.Header.MemberID), answer.Leader
		return err
	}
	for i := range c.ports.etcd {
		if err := status(i); err != nil {
			return err
		}
	}
	i := slices.Index(ids, leader)
	if i < 0 || len(ids) == 1 {
		return fmt.Errorf("etcd's leader is %q, of the members %q: it cannot be moved", leader, ids)
	}
	return c.askMember(ctx, "https://"+loopback(c.ports.etcd[i].client), "/v3/maintenance/transfer-leadership",
		map[string]string{"targetID": ids[(i+1)%len(ids)]}, &struct{}{})
}

// KeyValue is one key of etcd.
type KeyValue struct {
	Key            string
	Value          []byte
	CreateRevision int64
	ModRevision    int64
}

// keyValue is the gateway's form.
type keyValue struct {
	Key            []byte `json:"key"`
	Value          []byte `json:"value"`
	CreateRevision int64  `json:"create_revision,string"`
	ModRevision    int64  `json:"mod_revision,string"`
}

func (kv keyValue) public() KeyValue {
	return KeyValue{string(kv.Key), kv.Value, kv.CreateRevision, kv.ModRevision}
}

// Dump is all that etcd holds now, sorted by key.
func (c *Cluster) Dump(ctx context.Context) ([]KeyValue, error) {
	var answer struct {
		KVs []keyValue `json:"kvs"`
	}
	all := []byte{0}
	if err := c.askEtcd(ctx, "/v3/kv/range", map[string]any{"key": all, "range_end": all}, &answer); err != nil {
		return nil, err
	}
	var kvs []KeyValue
	for _, kv := range answer.KVs {
		kvs = append(kvs, kv.public())
	}
	return kvs, nil
}

// Change is one change of a key, as etcd has it in its history.
type Change struct {
	KeyValue      // without Value for a deletion, which ModRevision is the revision of
	Deleted  bool // otherwise written
}

// History are all changes of keys that begin with prefix, in order, from a revision on up to the first write of the
// key last. It waits for that; ctx bounds it. What has been compacted is an error.
func (c *Cluster) History(ctx context.Context, prefix, last string, from int64) ([]Change, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	end := []byte(prefix)
	end[len(end)-1]++
	resp, err := c.etcdPost(ctx, c.etcdURL, "/v3/watch", map[string]any{"create_request": map[string]any{
		"key": []byte(prefix), "range_end": end, "start_revision": fmt.Sprint(from),
	}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var changes []Change
	for dec := json.NewDecoder(resp.Body); ; {
		var message struct {
			Result struct {
				Canceled        bool   `json:"canceled"`
				CancelReason    string `json:"cancel_reason"`
				CompactRevision int64  `json:"compact_revision,string"`
				Events          []struct {
					Type string   `json:"type"`
					KV   keyValue `json:"kv"`
				} `json:"events"`
			} `json:"result"`
		}
		if err := dec.Decode(&message); err != nil {
			return nil, fmt.Errorf("etcd: history of %s: %w", prefix, err)
		}
		if compacted := message.Result.CompactRevision; compacted > 0 {
			return nil, fmt.Errorf("etcd: history of %s from revision %d: compacted up to revision %d", prefix, from, compacted)
		}
		if message.Result.Canceled {
			return nil, fmt.Errorf("etcd: history of %s from revision %d: %s", prefix, from, message.Result.CancelReason)
		}
		for _, e := range message.Result.Events {
			change := Change{e.KV.public(), e.Type == "DELETE"}
			changes = append(changes, change)
			if change.Key == last && !change.Deleted {
				return changes, nil
			}
		}
	}
}
