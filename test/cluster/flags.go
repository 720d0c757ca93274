package cluster

import (
	"fmt"
	"strings"
)

// etcdArgs are those of the member with the index.
func (c *Cluster) etcdArgs(i int) []string {
	members := c.ports.etcd
	var all []string
	for n, m := range members {
		all = append(all, fmt.Sprintf("%s=https://%s", numbered("member", n, len(members)), loopback(m.peer)))
	}
	client, peer := "https://"+loopback(members[i].client), "https://"+loopback(members[i].peer)
	args := []string{
		"--name=" + numbered("member", i, len(members)),
		"--data-dir=" + c.path(numbered("etcd-data", i, len(members))),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + strings.Join(all, ","),
		// Other users of the machine reach loopback too, and etcd is the cluster.
		"--client-cert-auth", "--peer-client-cert-auth",
		"--trusted-ca-file=" + c.path(pkiDir, caCert),
		"--cert-file=" + c.path(pkiDir, etcdCert),
		"--key-file=" + c.path(pkiDir, etcdKey),
		"--peer-trusted-ca-file=" + c.path(pkiDir, caCert),
		"--peer-cert-file=" + c.path(pkiDir, etcdCert),
		"--peer-key-file=" + c.path(pkiDir, etcdKey),
		"--log-level=warn",
	}
	if !c.conf.KeepData {
		// The data does not outlive the run, so it need not survive a power cut.
		args = append(args, "--unsafe-no-fsync")
	}
	return append(args, c.conf.EtcdArgs...)
}

// reachEtcd finds out by which address kube-apiservers reach each member.
func (c *Cluster) reachEtcd() error {
	for _, m := range c.ports.etcd {
		addr := loopback(m.client)
		if c.conf.EtcdVia != nil {
			var err error
			if addr, err = c.conf.EtcdVia(addr); err != nil {
				return fmt.Errorf("what is to be between kube-apiserver and etcd: %w", err)
			}
		}
		c.etcdAddrs = append(c.etcdAddrs, addr)
	}
	return nil
}

// apiArgs are those of the server with the index.
func (c *Cluster) apiArgs(i int) []string {
	var etcd []string
	for _, addr := range c.etcdAddrs {
		etcd = append(etcd, "https://"+addr)
	}
	return append([]string{
		"--etcd-servers=" + strings.Join(etcd, ","),
		"--etcd-cafile=" + c.path(pkiDir, caCert),
		"--etcd-certfile=" + c.path(pkiDir, etcdClientCert),
		"--etcd-keyfile=" + c.path(pkiDir, etcdClientKey),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", c.ports.api[i]),
		"--tls-cert-file=" + c.path(pkiDir, servingCert),
		"--tls-private-key-file=" + c.path(pkiDir, servingKey),
		"--client-ca-file=" + c.path(pkiDir, caCert),
		// For extension API servers, which learn from it whom to believe.
		"--requestheader-client-ca-file=" + c.path(pkiDir, caCert),
		"--requestheader-allowed-names=" + frontProxyName,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.path(pkiDir, frontProxyCert),
		"--proxy-client-key-file=" + c.path(pkiDir, frontProxyKey),
		"--token-auth-file=" + c.path(tokenFile),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.path(pkiDir, serviceAccountPK),
		"--service-account-signing-key-file=" + c.path(pkiDir, serviceAccountPK),
		"--service-cluster-ip-range=10.0.0.0/24",
		// It would publish a loopback address as endpoint of the service kubernetes, which is refused.
		"--endpoint-reconciler-type=none",
		"--audit-policy-file=" + c.path(auditPolicyFile),
		"--audit-log-path=" + c.auditLog(i),
		// An event is in the file by the time its request has been answered.
		"--audit-log-mode=blocking",
		// MB, and files: bounds what a load leaves on the disk.
		"--audit-log-maxsize=100",
		"--audit-log-maxbackup=1",
		"-v=2",
	}, c.conf.ExtraArgs...)
}

// numbered is name for what there is one of, and name-1, name-2 ... for several.
func numbered(name string, i, of int) string {
	if of == 1 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}
