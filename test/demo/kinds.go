package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	configMap = "target"

	// repeats is how often a request does what earns it a warning.
	repeats = 80
)

// Kind is one sort of request, which earns warnings. It is immutable.
type Kind struct {
	Name        string // for people
	Token       string // of its user
	Method      string
	Path        string // with a query, to which the timeout is added
	ContentType string
	Body        []byte
}

// podKind creates, without storing it, a pod with one container that sets one environment variable 80
// times. Each after the first earns a warning, in the last step before the object would be stored.
func podKind(token string) Kind {
	var env []map[string]any
	for i := range repeats {
		env = append(env, map[string]any{"name": "A", "value": fmt.Sprint(i)})
	}
	return Kind{
		Name:        "pod",
		Token:       token,
		Method:      http.MethodPost,
		Path:        "/api/v1/namespaces/" + namespace + "/pods?dryRun=All",
		ContentType: "application/json",
		Body: mustJSON(map[string]any{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": map[string]any{"generateName": "demo-"},
			"spec": map[string]any{
				"containers": []map[string]any{{"name": "c", "image": "example/none", "env": env}},
			},
		}),
	}
}

// patchKind merges, without storing them, 80 fields that do not exist into a config map. Each earns a
// warning while the patch is decoded.
func patchKind(token string) Kind {
	patch := map[string]any{}
	for i := range repeats {
		patch[fmt.Sprintf("unknown%02d", i)] = i
	}
	return Kind{
		Name:        "patch",
		Token:       token,
		Method:      http.MethodPatch,
		Path:        "/api/v1/namespaces/" + namespace + "/configmaps/" + configMap + "?dryRun=All&fieldValidation=Warn",
		ContentType: "application/merge-patch+json",
		Body:        mustJSON(patch),
	}
}

// mustJSON takes maps and slices of strings and numbers, for which Marshal has no error.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
