package sidebyside

import (
	"encoding/json"
	"fmt"
	"strings"
)

// saveJSON keeps a field of a JSON answer under a name.
func saveJSON(name string, path ...string) func(*answer, map[string]string) error {
	return func(a *answer, vars map[string]string) error {
		body, err := a.plain()
		if err != nil {
			return err
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return err
		}
		for _, key := range path {
			m, _ := v.(map[string]any)
			v = m[key]
		}
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("the answer has no text at %s: %.200s", strings.Join(path, "."), body)
		}
		vars[name] = text
		return nil
	}
}

// saveHeader keeps a header of the answer under a name.
func saveHeader(name, header string) func(*answer, map[string]string) error {
	return func(a *answer, vars map[string]string) error {
		if vars[name] = a.header.Get(header); vars[name] == "" {
			return fmt.Errorf("the answer has no %s", header)
		}
		return nil
	}
}
