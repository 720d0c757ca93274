package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/gotool"
	"fork.internal/apiserver/hack/internal/proc"
)

// Cached is what the module cache has of a version of a module.
type Cached struct {
	// GoMod is the file with its go.mod.
	GoMod string
	// Dir is the directory with its files, Zip the zip of them, and GoModSum the h1: checksum of its
	// go.mod. Only Download sets these.
	Dir, Zip, GoModSum string
}

// NotServedError is what the module proxy, or the repository, says of a version that it does not have.
type NotServedError struct {
	error
	// Cause is no more than what they say.
	Cause error
}

// notServed finds that in what the go command says, which has no other way to tell it from a network
// that is down.
var notServed = regexp.MustCompile(`\b(403 Forbidden|404 Not Found|410 Gone)\b|: unknown revision |: no such file or directory\b`)

// wantsGo finds which Go a version of a module wants, where that is newer than the one that was asked.
var wantsGo = regexp.MustCompile(`requires go >= (\S+) \(running `)

// Download has a version of a module in the module cache, with all of its files. The go command
// checks it against the go.sum of dir, if that is not empty, and against the Go checksum database
// where that is in use. The error is a *NotServedError if there is no such version, and says that
// nothing was changed, because nothing was.
func Download(ctx context.Context, co *checkout.Checkout, dir, module, version string) (*Cached, error) {
	return get(ctx, co, dir, "download", module, version, "mod", "download", "-json")
}

// Look has no more than the go.mod of a version of a module in the module cache. The errors are Download's.
func Look(ctx context.Context, co *checkout.Checkout, module, version string) (*Cached, error) {
	return get(ctx, co, "", "find", module, version, "list", "-m", "-json")
}

func get(ctx context.Context, co *checkout.Checkout, dir, what, module, version string, command ...string) (*Cached, error) {
	if dir == "" {
		empty, remove, err := nowhere()
		if err != nil {
			return nil, err
		}
		defer remove()
		dir = empty
	}
	cached, err := ask(ctx, co, dir, module, version, command)
	if err != nil {
		if m := wantsGo.FindStringSubmatch(err.Error()); m != nil {
			newer, lacks := gotool.With(ctx, co, module+"@"+version, m[1])
			switch {
			case lacks != nil:
				return nil, lacks
			case newer == co:
				return nil, fmt.Errorf("cannot %s %s@%s: %w\nnothing was changed; next: unset GOTOOLCHAIN, which forbids that Go", what, module, version, err)
			}
			cached, err = ask(ctx, newer, dir, module, version, command)
		}
	}
	if err == nil || ctx.Err() != nil {
		return cached, err
	}
	says := fmt.Errorf("cannot %s %s@%s: %w", what, module, version, err)
	// A checksum database that has nothing to say of a version is none of the proxy's.
	if notServed.MatchString(err.Error()) && !strings.Contains(err.Error(), "verifying ") {
		return nil, &NotServedError{fmt.Errorf("%w\nnothing was changed; next: go list -m -versions %s, which lists those that there are", says, module), says}
	}
	return nil, fmt.Errorf("%w\nnothing was changed; the network and `go env GOPROXY` are the first things to look at", says)
}

// nowhere is a directory in which no go.mod has a say in which module is meant.
func nowhere() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "fork-")
	return dir, func() { os.RemoveAll(dir) }, err
}

// ask asks the go command of a version of a module, in dir.
func ask(ctx context.Context, co *checkout.Checkout, dir, module, version string, command []string) (*Cached, error) {
	out, err := gotool.RunMod(ctx, co, dir, nil, append(slices.Clone(command), module+"@"+version)...)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var answer struct {
		Cached
		Version, Error string
	}
	if jsonErr := json.Unmarshal([]byte(out), &answer); jsonErr != nil && err == nil {
		err = jsonErr
	}
	switch said := proc.Stderr(err); {
	case answer.Error != "":
		err = errors.New(answer.Error)
	case said != "":
		err = errors.New(said)
	case err == nil && answer.Version != version:
		err = fmt.Errorf("the go command finds %s", answer.Version)
	}
	if err != nil {
		return nil, err
	}
	return &answer.Cached, nil
}
