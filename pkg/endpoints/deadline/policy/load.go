/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package policy

import (
	"crypto/sha256"
	"fmt"
	"os"
)

// Load reads the policy in a file. An error names the file, and the fields that are
// wrong.
func Load(file string) (*Policy, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("deadline policy: %w", err)
	}
	return parse(file, data)
}

func parse(file string, data []byte) (*Policy, error) {
	config, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("deadline policy %s: %w", file, err)
	}
	p := New(config)
	p.hash = hash(data)
	return p, nil
}

// hash is in the form that the metrics of other configuration files have.
func hash(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }
