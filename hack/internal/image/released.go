package image

import (
	"bytes"
	"context"
	"encoding/pem"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"fork.internal/apiserver/hack/internal/build"
	"fork.internal/apiserver/hack/internal/checkout"
)

// runner is what the entrypoint of a released image is built from: it starts the program that it is given, and can
// write its log to a file. Tests have one of their own.
var runner = "k8s.io/component-base/logs/kube-log-runner"

// entrypoint is what it is called there, for historical reasons.
const entrypoint = "go-runner"

// released is a layer with what the released image has beside its program: the entrypoint, the certificates of public
// authorities, and the names of users. Time zones are in the program.
func released(ctx context.Context, co *checkout.Checkout, tag, arch string, variant build.Variant) (v1.Layer, error) {
	built, err := build.Kubernetes(ctx, co, tag, build.Wanted{Program: "kube-log-runner", Package: runner, Variant: variant, Static: arch})
	if err != nil {
		return nil, err
	}
	return Layer([]File{
		{Name: entrypoint, Mode: 0o755, From: built.Path},
		{Name: "etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")},
		{Name: "etc/group", Mode: 0o644, Data: []byte("root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n")},
		{Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Data: authorities()},
	}, false)
}

// authorities are the certificates that Mozilla trusts for every certificate that they sign. One that is trusted for
// older certificates only is left out: a file of certificates cannot say so.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // A Buffer takes all.
		}
	}
	return b.Bytes()
}
