//go:build go1.25

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
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the package when a test leaves a goroutine behind. It has more
// of them run beside each other than there are processors, unless it is told how
// many: mostly they wait.
func TestMain(m *testing.M) {
	flag.Parse()
	given := flag.Lookup("test.fuzz").Value.String() != ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", "8")
	}
	code := m.Run()
	deadline := time.Now().Add(20 * time.Second)
	for left := goroutines(); code == 0 && left != ""; left = goroutines() {
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
			os.Exit(1)
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

// goroutines returns the stacks of all goroutines but this one and the
// process-wide ones of the libraries under test.
func goroutines() string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i > 0 && !strings.Contains(stack, "testing.(*F).Fuzz") && !strings.Contains(stack, "os/signal") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
