package sidebyside

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The media types of bodies.
const (
	typeJSON      = "application/json"
	typeYAML      = "application/yaml"
	typeProtobuf  = "application/vnd.kubernetes.protobuf"
	typeCBOR      = "application/cbor"
	typeMerge     = "application/merge-patch+json"
	typeJSONPatch = "application/json-patch+json"
	typeStrategic = "application/strategic-merge-patch+json"
	typeApply     = "application/apply-patch+yaml"
	typeApplyCBOR = "application/apply-patch+cbor"
)

// configMap is a ConfigMap in JSON, with one value.
func configMap(name, value string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"a":%q}}`, name, value)
}

// configMapYAML is configMap in YAML.
func configMapYAML(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  a: %q\n", name, value)
}

// configMapProto is configMap in protobuf: the numbers are those of the messages' fields.
func configMapProto(name, value string) string {
	meta := protoField(1, []byte(name))
	entry := slices.Concat(protoField(1, []byte("a")), protoField(2, []byte(value)))
	raw := slices.Concat(protoField(1, meta), protoField(2, entry))
	typeMeta := slices.Concat(protoField(1, []byte("v1")), protoField(2, []byte("ConfigMap")))
	unknown := slices.Concat(protoField(1, typeMeta), protoField(2, raw))
	return string(protobufMagic) + string(unknown)
}

// protoField is one field that holds bytes.
func protoField(number int, value []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(number)<<3|2)
	out = binary.AppendUvarint(out, uint64(len(value)))
	return append(out, value...)
}
