// Fork keeps the fork: pkg/ and patches/ on top of upstream tags, and what is built from them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
)

// commands are the subcommands, one file each.
var commands = []func(*checkout.Checkout) *cobra.Command{
	newTreeCommand,
	newRefreshCommand,
	newCarryCommand,
	newRebaseCommand,
	newVerifyCommand,
	newVerifyTagsCommand,
	newVerifyNextCommand,
	newTouchedCommand,
	newPinsCommand,
	newReadmeCommand,
	newModuleCommand,
	newReplaceCommand,
	newTryReplaceCommand,
	newTestConsumersCommand,
	newTestKubernetesCommand,
	newTestIntegrationCommand,
	newTestHACommand,
	newSoakCommand,
	newTestFaultsCommand,
	newGateOffCommand,
	newExportCommand,
	newKubeAPIServerCommand,
	newImageCommand,
	newEtcdCommand,
	newEngineCommand,
	newKindNodeImageCommand,
	newTestKindCommand,
	newTestConformanceCommand,
	newRunCommand,
	newDemoCommand,
	newDemoHACommand,
	newReproCommand,
	newModelCommand,
	newSameCommand,
	newSameClusterCommand,
	newBenchCommand,
	newReviewCommand,
	newCompareMinorsCommand,
	newTestCommand,
	newTestE2ECommand,
	newPolicyCommand,
	newDiagnoseCommand,
	newDiagnoseFixturesCommand,
	newMonitoringCommand,
	newMutantsCommand,
	newFuzzCommand,
	newTestAlertsCommand,
}

// anywhere are the commands that need no checkout: the program is taken to where the files are.
var anywhere = []string{"diagnose", "policy"}

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // As it is below nohup.
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	context.AfterFunc(ctx, stop) // A second one ends the process at once.
	// Who reads what is said here may go first, as a tee does at a Ctrl-C: what was begun is ended all the same.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	err := run(ctx, os.Args[1:])
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "fork: interrupted")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "fork: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	co, err := checkout.Find(".")
	if err != nil && !(len(args) > 0 && slices.Contains(anywhere, args[0])) {
		return err
	} else if err != nil {
		co = &checkout.Checkout{Out: os.Stdout, Err: os.Stderr}
	}
	root := &cobra.Command{
		Use:           "fork",
		Short:         "Keep the fork: pkg/ and patches/ on top of upstream tags",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(seeHelp)
	for _, newCommand := range commands {
		root.AddCommand(newCommand(co))
	}
	sayNext(root)
	root.SetArgs(args)
	if err = root.ExecuteContext(ctx); err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		err = fmt.Errorf("%w; next: make, which lists its targets, or fork --help", err)
	}
	return err
}

// seeHelp has the error of a command that is called wrongly say where it stands how.
func seeHelp(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w; next: %s --help, or make, which lists what its targets take", err, cmd.CommandPath())
}

// sayNext has the commands below cmd say what to do next when they have not the arguments that they need.
func sayNext(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		sayNext(c)
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return seeHelp(cmd, err)
			}
			return nil
		}
	}
}
