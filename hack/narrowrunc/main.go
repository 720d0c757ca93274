// Narrowrunc is runc for a machine that lacks CAP_SYS_RESOURCE. An engine gives a privileged container every
// capability, and runc fails for one that it does not have itself. This takes that capability, and the
// adjustment of the OOM score, which needs it too, out of what runc is told, and becomes runc.
//
// It is a docker runtime: `make engine` adds it where the capability is missing, and nowhere else.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "narrowrunc: %v\n", err)
		os.Exit(1)
	}
}

// run returns only if runc cannot be had.
func run(args []string) error {
	if file, inSpec := toldIn(args[1:]); file != "" {
		if err := narrow(file, inSpec); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("%w; next: apt-get install runc", err)
	}
	return syscall.Exec(runc, append([]string{"runc"}, args[1:]...), os.Environ())
}
