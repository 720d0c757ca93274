/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package policy

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
)

// ReloadInterval is how often a Reloader looks whether its file has changed. To read a
// few kilobytes that often costs nothing, and an operator who has changed the file
// waits for it. The file is not watched: its content is compared, as that of the
// encryption configuration is, so that also a change is seen of which a file system
// does not tell, such as that of a mounted ConfigMap or of a file on the network.
const ReloadInterval = 10 * time.Second

// Reloader has the policy of a file, and takes another in its place when the file
// changes. It may be used by any number of goroutines.
type Reloader struct {
	file        string
	apiServerID string
	current     atomic.Pointer[Policy]

	// Run's: what was looked at last, whether it was good or bad.
	seen string
}

// NewReloader loads a policy, which must be good. apiServerID names this server in the
// metrics.
func NewReloader(file, apiServerID string) (*Reloader, error) {
	p, err := Load(file)
	if err != nil {
		return nil, err
	}
	registerMetrics()
	r := &Reloader{file: file, apiServerID: apiServerID, seen: p.hash}
	r.current.Store(p)
	recordInForce(p, apiServerID)
	return r, nil
}

// Policy is the one in force. It costs one atomic load.
func (r *Reloader) Policy() *Policy { return r.current.Load() }

// Run looks for changes every ReloadInterval, until ctx is done. A file that is bad,
// or cannot be read, changes nothing: it is counted and logged, once for as long as it
// stays as it is. Requests that are under way keep the policy that they came in with.
// Run is called once.
func (r *Reloader) Run(ctx context.Context) {
	ticker := time.NewTicker(ReloadInterval)
	defer ticker.Stop()
	for {
		r.reload(klog.FromContext(ctx))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *Reloader) reload(logger klog.Logger) {
	data, err := os.ReadFile(r.file)
	seen := hash(data)
	if err != nil {
		seen = err.Error()
	}
	if seen == r.seen {
		return
	}
	r.seen = seen
	var p *Policy
	if err == nil {
		p, err = parse(r.file, data)
	}
	if err != nil {
		recordReload("failure", r.apiServerID)
		logger.Error(err, "Refused the deadline policy, the one before stays in force", "file", r.file, "hash", r.Policy().hash)
		return
	}
	r.current.Store(p)
	recordReload("success", r.apiServerID)
	recordInForce(p, r.apiServerID)
	logger.Info("Reloaded the deadline policy", "file", r.file, "hash", p.hash, "rules", len(p.config.Rules))
}
