package queue

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"fork.internal/apiserver/hack/internal/checkout"
)

// carryDir is where what patches/ said before a change of the base is kept, until that has been carried to all minors.
func carryDir(co *checkout.Checkout) string { return filepath.Join(co.Output(), "carry") }

// keepOld keeps f, unless an older one is kept.
func keepOld(co *checkout.Checkout, f *form) error {
	dir := carryDir(co)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	stage, remove, err := aside(co)
	if err != nil {
		return err
	}
	defer remove()
	if err := f.write(stage); err != nil {
		return err
	}
	return os.Rename(stage, dir)
}
