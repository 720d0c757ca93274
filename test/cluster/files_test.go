package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestPKI(t *testing.T) {
	p, err := newPKI()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.ca) {
		t.Fatal("the CA is no certificate")
	}
	for _, test := range []struct {
		name  string
		pair  keyPair
		usage x509.ExtKeyUsage
		host  string
		group string
	}{
		{"serving", p.serving, x509.ExtKeyUsageServerAuth, "127.0.0.1", ""},
		{"serving", p.serving, x509.ExtKeyUsageServerAuth, "kubernetes.default.svc", ""},
		{"etcd", p.etcd, x509.ExtKeyUsageServerAuth, "127.0.0.1", ""},
		{"etcd", p.etcd, x509.ExtKeyUsageClientAuth, "", ""},
		{"etcd client", p.etcdClient, x509.ExtKeyUsageClientAuth, "", ""},
		{"admin", p.admin, x509.ExtKeyUsageClientAuth, "", "system:masters"},
	} {
		pair, err := tls.X509KeyPair(test.pair.cert, test.pair.key)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		_, err = pair.Leaf.Verify(x509.VerifyOptions{
			Roots: roots, DNSName: test.host, KeyUsages: []x509.ExtKeyUsage{test.usage},
		})
		if err != nil {
			t.Errorf("%s for %q: %v", test.name, test.host, err)
		}
		if got := strings.Join(pair.Leaf.Subject.Organization, ","); got != test.group {
			t.Errorf("%s: groups %q, want %q", test.name, got, test.group)
		}
	}
}

func TestEncodeTokens(t *testing.T) {
	got, err := encodeTokens(map[string]string{"b": "bob", "a": `an"n`})
	if want := "a,\"an\"\"n\",\"an\"\"n\"\nb,bob,bob\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestExplainDisk(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/x/y", Err: syscall.ENOSPC}
	if got := explainDisk("/x", fmt.Errorf("wrapped: %w", full)).Error(); !strings.Contains(got, "the disk that holds /x is full") {
		t.Error(got)
	}
	if other := errors.New("other"); explainDisk("/x", other) != other || explainDisk("/x", nil) != nil {
		t.Error("another error was changed")
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/a/b-c.d": "/a/b-c.d", "/a b": "'/a b'", "/it's": `'/it'\''s'`, "": "''", "/$x": "'/$x'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestChildEnv(t *testing.T) {
	got := childEnv([]string{"PATH=/bin", "ETCD_NAME=x", "GOTRACEBACK=none", "ETCD=/bin/etcd"})
	if want := "PATH=/bin ETCD=/bin/etcd"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
