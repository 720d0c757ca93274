package cluster

import (
	"context"
	"fmt"
	"os"
	"testing"

	"fork.internal/apiserver/test/cluster/fake"
)

// parentEnv makes the test binary a process that starts a cluster in the directory it names and then waits
// to be killed.
const parentEnv = "CLUSTER_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	fake.Main()
	if dir := os.Getenv(parentEnv); dir != "" {
		parent(dir)
	}
	os.Exit(m.Run())
}

func parent(dir string) {
	c, err := Start(context.Background(), Config{
		Etcd: os.Getenv("PARENT_ETCD"), KubeAPIServer: os.Getenv("PARENT_API"), Dir: dir,
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.Pids())
	select {}
}
