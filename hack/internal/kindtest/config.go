package kindtest

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"

	"fork.internal/apiserver/hack/internal/nodeimage"
)

// auditPolicy is that of the audit log which the suite reads.
//
//go:embed audit-policy.yaml
var auditPolicy []byte

// Where the audit log and its policy are in a node, and in kube-apiserver's pod.
const (
	nodeAuditPolicy = "/etc/kubernetes/audit-policy.yaml"
	nodeAuditDir    = "/var/log/kubernetes/audit"
)

// kubeadm's groups of the releases that are pinned; kind writes one of them, and a patch for another does nothing.
const (
	kubeadmList = "v1beta4" // where extraArgs is a list
	kubeadmMap  = "v1beta3" // where it is a map
)

// object is a part of kind's configuration.
type object = map[string]any

const (
	// watchWriteTimeout is that of a server with streams that last: short, for what strikes a healthy one to show.
	watchWriteTimeout = 15 * time.Second

	// logSize is what a node keeps in one file of a container's log then. Who follows a log slowly loses what comes after the
	// end of a file.
	logSize = "4Gi"
)

// arguments are those that a server gets for the tests, beyond those for its audit log.
func (o Options) arguments() (all [][2]string) {
	if o.Streams > 0 && !o.Unmodified {
		all = append(all, [2]string{"watch-write-timeout", watchWriteTimeout.String()})
	}
	return all
}

// machine is what kind has to be told of the engine's machine.
type machine interface {
	CgroupV1() bool
	Narrow() bool
}

// config is kind's configuration of the cluster that is asked for, whose audit log is in dir.
func config(e machine, node *nodeimage.Node, o Options, dir string) ([]byte, error) {
	var members []object
	for i := range o.Nodes {
		mounts := []object{
			{"hostPath": filepath.Join(dir, policyFile), "containerPath": nodeAuditPolicy, "readOnly": true},
			{"hostPath": auditDir(dir, i), "containerPath": nodeAuditDir},
		}
		if node.Own && o.Nodes > 1 {
			mounts = append(mounts, object{"hostPath": networkFile(dir, i), "containerPath": nodeimage.NetworkFile, "readOnly": true})
		}
		members = append(members, object{"role": "control-plane", "extraMounts": mounts})
	}
	cluster := object{
		"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4",
		"nodes": members,
		"kubeadmConfigPatchesJSON6902": []object{
			serverPatch(o, kubeadmList, func(name, value string) (path string, v any) {
				return "/apiServer/extraArgs/-", object{"name": name, "value": value}
			}),
			serverPatch(o, kubeadmMap, func(name, value string) (path string, v any) { return "/apiServer/extraArgs/" + name, value }),
		},
	}
	if node.Own {
		cluster["networking"] = object{"disableDefaultCNI": true, "kubeProxyMode": "nftables"}
	}
	var kubelet []string
	if e.CgroupV1() {
		kubelet = append(kubelet, "kind: KubeletConfiguration\nfailCgroupV1: false\n")
	}
	if o.Streams > 0 {
		kubelet = append(kubelet, "kind: KubeletConfiguration\ncontainerLogMaxSize: "+logSize+"\n")
	}
	if len(kubelet) > 0 {
		cluster["kubeadmConfigPatches"] = kubelet
	}
	if e.Narrow() {
		cluster["containerdConfigPatches"] = []string{"[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n"}
	}
	return yaml.Marshal(cluster)
}

// serverPatch has kube-apiserver write the audit log, and gives it its further arguments; argument says where in kubeadm's
// configuration, of a version of it, one goes.
func serverPatch(o Options, version string, argument func(name, value string) (string, any)) object {
	type op struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var ops []op
	for _, a := range append([][2]string{
		{"audit-policy-file", nodeAuditPolicy}, {"audit-log-path", nodeAuditDir + "/" + auditFile}, {"audit-log-mode", "blocking"},
	}, o.arguments()...) {
		path, value := argument(a[0], a[1])
		ops = append(ops, op{"add", path, value})
	}
	ops = append(ops, op{"add", "/apiServer/extraVolumes", []object{
		{"name": "audit-policy", "hostPath": nodeAuditPolicy, "mountPath": nodeAuditPolicy, "readOnly": true, "pathType": "File"},
		{"name": "audit-log", "hostPath": nodeAuditDir, "mountPath": nodeAuditDir, "pathType": "DirectoryOrCreate"},
	}})
	patch, err := yaml.Marshal(ops)
	if err != nil {
		panic(fmt.Sprintf("strings and maps of strings have YAML: %v", err))
	}
	return object{"group": "kubeadm.k8s.io", "version": version, "kind": "ClusterConfiguration", "patch": string(patch)}
}
