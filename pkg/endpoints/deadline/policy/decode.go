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
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Decode reads a policy, YAML or JSON, fills in its defaults and validates it. A
// field that is unknown or there twice is an error, and so are a second document and
// a list that is there and empty. An error names the fields that are wrong.
func Decode(data []byte) (*DeadlinePolicy, error) {
	switch n, err := documents(data); {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("there is nothing in it: it must have apiVersion: %s, kind: %s and rules", GroupVersion, kind)
	case n > 1:
		return nil, fmt.Errorf("it has %d documents: it must have one, and no line --- or ... between two", n)
	}
	if errs := validateType(data); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	p := &DeadlinePolicy{}
	if err := runtime.DecodeInto(codecs.UniversalDecoder(GroupVersion), data, p); err != nil {
		if errs := badTimeouts(data); len(errs) > 0 {
			return nil, errs.ToAggregate()
		}
		// A parser's error may have several lines, for which a log has no place.
		return nil, errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	if errs := append(emptyLists(data), Validate(p)...); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	return p, nil
}

// documents counts those that have something in them: a decoder reads the first only.
func documents(data []byte) (int, error) {
	r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 0; ; {
		document, err := r.Read()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		for _, part := range documentEnd.Split(string(document), -1) {
			// What cannot be parsed is for the decoder to complain of.
			var content any
			if err := yaml.Unmarshal([]byte(part), &content); err != nil || content != nil {
				n++
			}
		}
	}
}

// documentEnd is the other line that YAML has between two documents, and that no
// document has in it (YAML 1.2, section 9.1.2).
var documentEnd = regexp.MustCompile(`(?m)^\.\.\.([ \t].*)?\r?$`)

// validateType says what a file's type must be, without a word of Go's types and
// schemes. What it cannot read is for the decoder to complain of.
func validateType(data []byte) field.ErrorList {
	var p metav1.TypeMeta
	if err := yaml.Unmarshal(data, &p); err != nil {
		return nil
	}
	var errs field.ErrorList
	for _, f := range []struct{ name, value, want string }{{"apiVersion", p.APIVersion, GroupVersion.String()}, {"kind", p.Kind, kind}} {
		switch f.value {
		case f.want:
		case "":
			errs = append(errs, field.Required(field.NewPath(f.name), "must be "+f.want))
		default:
			errs = append(errs, field.NotSupported(field.NewPath(f.name), f.value, []string{f.want}))
		}
	}
	return errs
}

// badTimeouts finds timeouts that are no durations. The decoder's error says what is
// wrong with them, but not where.
func badTimeouts(data []byte) field.ErrorList {
	var errs field.ErrorList
	for i, r := range rulesOf(data) {
		for _, name := range []string{"timeout", "handlerTimeout"} {
			value, ok := r[name]
			if !ok || value == nil {
				continue
			}
			s, ok := value.(string)
			if _, err := time.ParseDuration(s); err != nil || !ok {
				errs = append(errs, field.Invalid(field.NewPath("rules").Index(i).Child(name), value, `must be a duration with its unit, such as "2s" or "5m"`))
			}
		}
	}
	return errs
}

// emptyLists finds the lists of rules that are there and have nothing in them, as a
// template that had nobody to name leaves them. To leave a list out is to match all.
func emptyLists(data []byte) field.ErrorList {
	var errs field.ErrorList
	for i, r := range rulesOf(data) {
		for _, name := range []string{"verbs", "apiGroups", "resources", "nonResourceURLs", "users", "groups"} {
			value, ok := r[name]
			if list, _ := value.([]any); ok && len(list) == 0 {
				errs = append(errs, field.Required(field.NewPath("rules").Index(i).Child(name), "there is nothing in it; a rule that matches whatever it is leaves it out"))
			}
		}
	}
	return errs
}

// rulesOf returns the rules as they stand in the file, none if it cannot be read.
func rulesOf(data []byte) []map[string]any {
	var p struct {
		Rules []map[string]any `json:"rules"`
	}
	if err := yaml.Unmarshal(data, &p); err != nil {
		return nil
	}
	return p.Rules
}
