package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// certLifetime outlasts any run; every start makes new certificates.
const certLifetime = 30 * 24 * time.Hour

// frontProxyName is whom extension API servers believe when it says for whom it speaks.
const frontProxyName = "front-proxy-client"

// keyPair is a certificate and its private key, in PEM.
type keyPair struct{ cert, key []byte }

// pki is what one run needs. One authority signs it all; its own key is forgotten once it has.
type pki struct {
	ca             []byte  // certificate, PEM
	serving        keyPair // kube-apiserver, towards its clients
	admin          keyPair // O=system:masters
	etcd           keyPair // both of etcd's listeners
	etcdClient     keyPair // kube-apiserver, towards etcd; no group, so worth nothing at the API
	frontProxy     keyPair // kube-apiserver, towards extension API servers; no group either
	serviceAccount []byte  // private key, PEM
}

func newPKI() (*pki, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	p := &pki{ca: encodePEM("CERTIFICATE", ca.cert.Raw)}
	for _, want := range []struct {
		into *keyPair
		tmpl x509.Certificate
	}{
		{&p.serving, x509.Certificate{
			Subject: pkix.Name{CommonName: "kube-apiserver"},
			DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc.cluster.local"},
			// The second is the first address of the service range: the service kubernetes.
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}},
		{&p.admin, x509.Certificate{
			Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
		{&p.etcd, x509.Certificate{
			Subject:     pkix.Name{CommonName: "etcd"},
			DNSNames:    []string{"localhost"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			// etcd presents it as a client too, to its own gateway.
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}},
		{&p.etcdClient, x509.Certificate{
			Subject:     pkix.Name{CommonName: "kube-apiserver-etcd-client"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
		{&p.frontProxy, x509.Certificate{
			Subject:     pkix.Name{CommonName: frontProxyName},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}},
	} {
		pair, err := ca.issue(want.tmpl)
		if err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", want.tmpl.Subject.CommonName, err)
		}
		*want.into = pair
	}
	_, key, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("service account key: %w", err)
	}
	p.serviceAccount = key
	return p, nil
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() (*authority, error) {
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "test cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if err := stamp(tmpl); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

func (a *authority) issue(tmpl x509.Certificate) (keyPair, error) {
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	if err := stamp(&tmpl); err != nil {
		return keyPair{}, err
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return keyPair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{cert: encodePEM("CERTIFICATE", der), key: keyPEM}, nil
}

// stamp gives a template its serial number and its dates. It starts an hour ago, because a virtual
// machine's clock may step back after a resume.
func stamp(tmpl *x509.Certificate) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	tmpl.SerialNumber = serial
	tmpl.NotBefore = time.Now().Add(-time.Hour)
	tmpl.NotAfter = tmpl.NotBefore.Add(certLifetime)
	return nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encodePEM("EC PRIVATE KEY", der), nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
