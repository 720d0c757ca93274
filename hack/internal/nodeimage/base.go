package nodeimage

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fork.internal/apiserver/hack/internal/alive"
	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/image"
	"fork.internal/apiserver/hack/internal/proc"
)

// suite is the Debian release that a node is made of. Later ones' systemd starts on no machine with the first
// version of control groups.
const suite = "bookworm"

// root is one root file system that mmdebstrap makes.
type root struct {
	name     string
	packages []string
	args     []string
	hook     string // run with the root directory as its argument, when all packages are there
}

//go:embed trim.sh
var trim string

// nodeRoot is what kind's own base image has of Debian; proxyRoot is nft and its libraries, for kube-proxy.
var (
	nodeRoot = root{
		name: "node",
		packages: []string{"systemd", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount", "kmod",
			"libseccomp2", "e2fsprogs", "bash", "ca-certificates", "curl", "jq", "procps", "socat", "runc"},
		args: []string{"--variant=minbase"},
		hook: trim,
	}
	proxyRoot = root{name: "proxy", packages: []string{"nftables"}, args: []string{"--variant=extract"}}
)

// key is the same for the same packages and the same work on them.
func (r root) key() string {
	return fmt.Sprintf("%.12x", sha256.Sum256(fmt.Appendf(nil, "%s %q %q %q", suite, r.packages, r.args, r.hook)))
}

// make has the tar of the root in _output/node, and returns its path. What was made once stays until make clean.
func (r root) make(ctx context.Context, co *checkout.Checkout) (string, error) {
	file := filepath.Join(co.Output(), "node", fmt.Sprintf("%s-%s.tar", r.name, r.key()))
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return "", errors.New("mmdebstrap is not in PATH; next: apt-get install mmdebstrap, or KIND_NODE_IMAGE= with a node image that you have")
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	tmp := file + ".new"
	defer os.Remove(tmp)
	args := append([]string{"mmdebstrap", "--quiet", "--format=tar", "--include=" + strings.Join(r.packages, ",")}, r.args...)
	if r.hook != "" {
		hook := filepath.Join(co.Output(), "node", r.name+"-hook.sh")
		if err := os.WriteFile(hook, []byte(r.hook), 0o755); err != nil {
			return "", err
		}
		defer os.Remove(hook)
		args = append(args, "--customize-hook="+shellQuote(hook)+` "$1"`)
	}
	start, title := time.Now(), "Debian "+suite+" for the "+r.name
	fmt.Fprintf(co.Err, "making %s\n", title)
	stop := alive.Watch(co.Err, 15*time.Second, title, func() string { return "packages are fetched and installed" })
	_, err := proc.Cmd{Args: append(args, suite, tmp), Env: co.Environ()}.Output(ctx)
	stop()
	if err != nil {
		return "", fmt.Errorf("%w; next: see that Debian's mirror is within reach, and that you are root or may have user namespaces", err)
	}
	fmt.Fprintf(co.Err, "made %s in %s: %s\n", title, time.Since(start).Round(time.Second), co.Rel(file))
	return file, os.Rename(tmp, file)
}

// layer is the root as the layer of an image that stays on this machine.
func (r root) layer(ctx context.Context, co *checkout.Checkout) (v1.Layer, error) {
	file, err := r.make(ctx, co)
	if err != nil {
		return nil, err
	}
	return layerOf(file)
}

func layerOf(file string) (v1.Layer, error) {
	return image.LayerOf(func() (io.ReadCloser, error) { return os.Open(file) }, true)
}

// shellQuote is s as a word for the shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
