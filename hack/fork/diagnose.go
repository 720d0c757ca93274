package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/diagnose"
)

func newDiagnoseCommand(co *checkout.Checkout) *cobra.Command {
	var opts diagnose.Options
	var fail bool
	cmd := &cobra.Command{
		Use:   "diagnose FILE...",
		Short: "Say which of the known defects show in a kube-apiserver's log, its crash and its audit log",
		Long: `Say which of the known defects show in a kube-apiserver's log, its crash and its audit log.

FILE is any of the three, or a mixture: klog's text or JSON, as the server writes it, or as a
container engine, kubectl logs or crictl logs has it; packed by gzip or not. - is standard input.
Give the log and the audit log of the same time together, for what the two say of a request to be
compared. At -v=3 and above the log has the HTTP log, which names the requests.

The exit status is 0 if all files could be read and were a kube-apiserver's, whatever shows in them;
--exit-code makes it 1 if a row or a crash shows.`,
		Example: `  fork diagnose kube-apiserver.log audit.log
  kubectl logs -n kube-system kube-apiserver-a --previous | fork diagnose -`,
		Args: cobra.MinimumNArgs(1),
	}
	out := outputFlag(cmd)
	cmd.Flags().DurationVar(&opts.RequestTimeout, "request-timeout", 0, "the server's --request-timeout (default: what the log says at the server's start, or 1m0s)")
	cmd.Flags().BoolVar(&fail, "exit-code", false, "fail if a row or a crash shows, as for a script")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		if opts.RequestTimeout < 0 {
			return fmt.Errorf("--request-timeout %s: must be more than zero", opts.RequestTimeout)
		}
		if slices.Contains(files, "") {
			return errors.New("which file? make diagnose FILE=path of a kube-apiserver's log, or FILE=- for standard input")
		}
		report, err := readAll(cmd.Context(), cmd.InOrStdin(), co.Err, opts, files)
		if report == nil {
			return err
		}
		printErr := out.print(co.Out, report, func() { _ = report.WriteText(co.Out) })
		if n := len(report.Findings) + len(report.Unknown); fail && n > 0 {
			err = errors.Join(err, fmt.Errorf("--exit-code: %d findings; next: see above", n))
		}
		return errors.Join(err, printErr)
	}
	return cmd
}

// readAll reads files, and says what is wrong with those that cannot be read or are no server's. There is no report if
// that is all of them.
func readAll(ctx context.Context, stdin io.Reader, progress io.Writer, opts diagnose.Options, files []string) (*diagnose.Report, error) {
	d := diagnose.New(opts)
	var wrong error
	for _, name := range diagnose.Order(files) {
		if err := read(ctx, d, stdin, progress, name); err != nil {
			wrong = errors.Join(wrong, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	report := d.Report()
	some := false
	for _, s := range report.Sources {
		if some = some || s.Recognised(); !s.Recognised() {
			wrong = errors.Join(wrong, fmt.Errorf("%s: none of its %d lines is of a kube-apiserver's log, crash or audit log; next: "+
				"on its node, the newest files of /var/log/pods/kube-system_kube-apiserver-*/kube-apiserver; kubectl logs of its pod (--previous after a crash); or the file of --audit-log-path", s.Name, s.Lines))
		}
	}
	if !some {
		return nil, wrong
	}
	return report, wrong
}

func read(ctx context.Context, d *diagnose.Diagnosis, stdin io.Reader, progress io.Writer, name string) error {
	if name == "-" {
		return d.Read("standard input", &reading{ctx: ctx, r: stdin, to: progress, name: "standard input"})
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := &reading{ctx: ctx, r: f, to: progress, name: name}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.size = info.Size()
	}
	return d.Read(name, r)
}

// reading says now and then how far it has come, and ends with its context.
type reading struct {
	ctx  context.Context
	r    io.Reader
	to   io.Writer
	name string
	size int64 // 0 if it is not known
	n    int64
	said time.Time
}

const sayEvery = 5 * time.Second

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.n += int64(n)
	switch {
	case r.said.IsZero():
		r.said = time.Now()
	case time.Since(r.said) >= sayEvery:
		r.said = time.Now()
		of := ""
		if r.size > 0 {
			of = fmt.Sprintf(", %d %%", 100*r.n/r.size)
		}
		fmt.Fprintf(r.to, "  %s: %d MB read%s\n", r.name, r.n>>20, of)
	}
	return n, err
}
