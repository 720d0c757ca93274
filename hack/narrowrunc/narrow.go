package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// missing is the capability.
const missing = "CAP_SYS_RESOURCE"

// toldIn is the file that says which process these arguments of runc start, or "" if they start none. inSpec says
// that the process is one field of it.
func toldIn(args []string) (file string, inSpec bool) {
	command := slices.IndexFunc(args, func(a string) bool { return a == "create" || a == "run" || a == "exec" })
	if command < 0 {
		return "", false
	}
	if args[command] == "exec" {
		return value(args[command:], "--process", "-p"), false
	}
	return filepath.Join(value(args[command:], "--bundle", "-b"), "config.json"), true
}

// value is that of a flag, or "".
func value(args []string, names ...string) string {
	for i, arg := range args {
		for _, name := range names {
			if v, ok := strings.CutPrefix(arg, name+"="); ok {
				return v
			}
			if arg == name && i+1 < len(args) {
				return args[i+1]
			}
		}
	}
	return ""
}

// narrow changes a file that runc is about to read. Numbers keep their digits.
func narrow(file string, inSpec bool) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var spec map[string]any
	if err := decoder.Decode(&spec); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	process := spec
	if inSpec {
		process, _ = spec["process"].(map[string]any)
	}
	if process == nil {
		return nil
	}
	delete(process, "oomScoreAdj")
	sets, _ := process["capabilities"].(map[string]any)
	for name, set := range sets {
		if names, ok := set.([]any); ok {
			sets[name] = slices.DeleteFunc(names, func(n any) bool { return n == missing })
		}
	}
	if data, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
