package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fork.internal/apiserver/hack/internal/toy"
	"fork.internal/apiserver/hack/internal/upstream"
)

// TestWithReleasesGo: a release that was built with an older Go is content with the one in PATH; one with a newer Go has
// it got, which here is not to be had.
func TestWithReleasesGo(t *testing.T) {
	t.Setenv("GOTOOLCHAIN", "")
	ctx, co := context.Background(), toy.New(t)
	if same, err := WithReleasesGo(ctx, co, ""); same != co || err != nil {
		t.Errorf("an older one: %v, %v", same, err)
	}
	release, err := upstream.Download(ctx, co, "", toy.Consumer, "v1.1.0")
	toy.Check(t, err)
	file := filepath.Join(release.Dir, goVersion)
	toy.Check(t, os.WriteFile(file, []byte("1.999.1\n"), 0o600))
	if _, err := WithReleasesGo(ctx, co, ""); err == nil || !strings.Contains(err.Error(), toy.Consumer+" v1.1.0 wants go1.999.1") {
		t.Errorf("a newer one: %v", err)
	}
	toy.Check(t, os.Remove(file))
	if same, err := WithReleasesGo(ctx, co, ""); same != co || err != nil {
		t.Errorf("one that does not say: %v, %v", same, err)
	}
}
