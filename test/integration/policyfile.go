package integration

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// bounds are those of one good policy. Its rules have names that no other policy's have, so that an answer and an audit
// event tell by which policy they were bounded.
type bounds struct {
	name string
	// creates is the timeout of who creates a secret, and tenants, which is shorter, the handlerTimeout if the user tenant
	// does: what hangs gets a 504 after that. The others are long, and are in audit events only.
	creates, tenants time.Duration
}

// tenant is the user whom a rule names.
const tenant = "tenant"

// file is the policy. Its lists may take longer than --request-timeout, which must not hold up the end. No phase but its
// own creates secrets.
func (b bounds) file() string {
	return fmt.Sprintf(`apiVersion: deadline.apiserver.config.k8s.io/v1alpha1
kind: DeadlinePolicy
rules:
- {name: tenants-%[1]s, verbs: [create], apiGroups: [""], resources: [secrets], users: [%[2]s], handlerTimeout: %[3]s}
- {name: creates-%[1]s, verbs: [create], apiGroups: [""], resources: [secrets], timeout: %[4]s}
- {name: gets-%[1]s, verbs: [get], apiGroups: [""], resources: [configmaps, secrets], timeout: 50s}
- {name: lists-%[1]s, verbs: [list], apiGroups: [""], resources: [configmaps, secrets], timeout: 3m}
- {name: paths-%[1]s, nonResourceURLs: [/version, /livez/*], timeout: 40s}
`, b.name, tenant, b.tenants, b.creates)
}

func (b bounds) String() string { return b.name }

// hash is what the server's metric must have of it, made without the server's code.
func (b bounds) hash() string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(b.file()))) }

// policyFile is the file that --deadline-policy-file names, in a directory of its own.
type policyFile struct {
	path  string
	swaps int
}

// newPolicyFile makes the directory and, in it, the file.
func newPolicyFile(dir string, first bounds) (*policyFile, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("an earlier run's deadline policy: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the deadline policy: %w", err)
	}
	f := &policyFile{path: filepath.Join(dir, "policy.yaml")}
	return f, f.rename(first.file())
}

func (f *policyFile) beside(name string) string { return filepath.Join(filepath.Dir(f.path), name) }

// rename puts another file in its place, as an editor does.
func (f *policyFile) rename(data string) error {
	if err := os.WriteFile(f.beside("new"), []byte(data), 0o600); err != nil {
		return err
	}
	return os.Rename(f.beside("new"), f.path)
}

// swap has a link, ..data, lead to another directory, and the file be a link through it: as the kubelet changes a ConfigMap
// that is mounted.
func (f *policyFile) swap(data string) error {
	f.swaps++
	dir := fmt.Sprintf("..%d", f.swaps)
	if err := os.Mkdir(f.beside(dir), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(f.beside(filepath.Join(dir, filepath.Base(f.path))), []byte(data), 0o600); err != nil {
		return err
	}
	if err := link(dir, f.beside("..data")); err != nil {
		return err
	}
	if err := os.RemoveAll(f.beside(fmt.Sprintf("..%d", f.swaps-1))); err != nil {
		return err
	}
	through := filepath.Join("..data", filepath.Base(f.path))
	if now, err := os.Readlink(f.path); err == nil && now == through {
		return nil
	}
	return link(through, f.path)
}

// link makes a symbolic link, in the place of what has that name.
func link(to, name string) error {
	if err := os.Symlink(to, name+".new"); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// truncate leaves nothing in it.
func (f *policyFile) truncate() error { return os.Truncate(f.path, 0) }

// write writes into it as it is, after truncate.
func (f *policyFile) write(data string) error {
	file, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(data)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// remove leaves nothing in its place.
func (f *policyFile) remove() error { return os.Remove(f.path) }

// directory puts a directory in the place of nothing: what not even root can read, and what a container runtime makes of a
// file to be mounted that is not there.
func (f *policyFile) directory() error { return os.Mkdir(f.path, 0o700) }
