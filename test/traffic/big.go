package traffic

import (
	"context"
	"fmt"
	"strings"
)

// BigMaps of BigBytes each are as many as make a list that no buffer between a server and a client takes.
const (
	BigMaps  = 16
	BigBytes = 960 << 10
)

// Fill makes BigMaps in a namespace, as create does.
func Fill(ctx context.Context, ns string, create func(ctx context.Context, path string, obj any) error) error {
	type object = map[string]any
	for i := range BigMaps {
		if err := create(ctx, ConfigMaps(ns), object{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": object{"name": fmt.Sprintf("big-%02d", i)}, "data": object{"x": strings.Repeat("x", BigBytes)}}); err != nil {
			return err
		}
	}
	return nil
}
