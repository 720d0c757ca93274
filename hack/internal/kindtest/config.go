package kindtest

import (
	_ "embed"
	"fmt"
	"path/filepath"

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

// machine is what kind has to be told of the engine's machine.
type machine interface {
	CgroupV1() bool
	Narrow() bool
}

// config is kind's configuration of a cluster with nodes control planes, whose audit log is in dir.
func config(e machine, node *nodeimage.Node, nodes int, dir string) ([]byte, error) {
	var members []object
	for i := range nodes {
		mounts := []object{
			{"hostPath": filepath.Join(dir, policyFile), "containerPath": nodeAuditPolicy, "readOnly": true},
			{"hostPath": auditDir(dir, i), "containerPath": nodeAuditDir},
		}
		if node.Own && nodes > 1 {
			mounts = append(mounts, object{"hostPath": networkFile(dir, i), "containerPath": nodeimage.NetworkFile, "readOnly": true})
		}
		members = append(members, object{"role": "control-plane", "extraMounts": mounts})
	}
	cluster := object{
		"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4",
		"nodes": members,
		"kubeadmConfigPatchesJSON6902": []object{
			auditPatch(kubeadmList, func(name, value string) (path string, v any) {
				return "/apiServer/extraArgs/-", object{"name": name, "value": value}
			}),
			auditPatch(kubeadmMap, func(name, value string) (path string, v any) { return "/apiServer/extraArgs/" + name, value }),
		},
	}
	if node.Own {
		cluster["networking"] = object{"disableDefaultCNI": true, "kubeProxyMode": "nftables"}
	}
	if e.CgroupV1() {
		cluster["kubeadmConfigPatches"] = []string{"kind: KubeletConfiguration\nfailCgroupV1: false\n"}
	}
	if e.Narrow() {
		cluster["containerdConfigPatches"] = []string{"[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n"}
	}
	return yaml.Marshal(cluster)
}

// auditPatch has kube-apiserver write the audit log; argument says where in kubeadm's configuration, of a version
// of it, an argument goes.
func auditPatch(version string, argument func(name, value string) (string, any)) object {
	type op struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var ops []op
	for _, a := range [][2]string{
		{"audit-policy-file", nodeAuditPolicy}, {"audit-log-path", nodeAuditDir + "/" + auditFile}, {"audit-log-mode", "blocking"},
	} {
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
