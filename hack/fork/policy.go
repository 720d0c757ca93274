package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"fork.internal/apiserver/hack/internal/checkout"
	"fork.internal/apiserver/hack/internal/deadlinepolicy"
	"fork.internal/apiserver/pkg/endpoints/deadline/policy"
)

func newPolicyCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check the file of a deadline policy, or explain what it says of a request",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newPolicyCheckCommand(co), newPolicyExplainCommand(co))
	return cmd
}

func newPolicyCheckCommand(co *checkout.Checkout) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with the file of a deadline policy, as kube-apiserver does at its start",
		Args:  cobra.ExactArgs(1),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if args[0] == "" {
			return errNoPolicy
		}
		p, err := policy.Load(args[0])
		if err != nil {
			return oneALine(args[0], err)
		}
		rules := p.Config().Rules
		result := struct {
			File  string        `json:"file"`
			Hash  string        `json:"hash"`
			Rules []policy.Rule `json:"rules"`
		}{args[0], p.Hash(), rules}
		return out.print(co.Out, result, func() {
			fmt.Fprintf(co.Out, "%s is good: %d rules, hash %s\n", args[0], len(rules), p.Hash())
		})
	}
	return cmd
}

// errNoPolicy is what make without FILE comes to.
var errNoPolicy = errors.New("which file? make policy FILE=policy.yaml")

// oneALine has what is wrong with a file on a line each.
func oneALine(file string, err error) error {
	var several utilerrors.Aggregate
	if !errors.As(err, &several) || len(several.Errors()) < 2 {
		return err
	}
	lines := fmt.Sprintf("deadline policy %s:", file)
	for _, err := range several.Errors() {
		lines += fmt.Sprintf("\n  %v", err)
	}
	return errors.New(lines)
}

func newPolicyExplainCommand(co *checkout.Checkout) *cobra.Command {
	var q deadlinepolicy.Question
	cmd := &cobra.Command{
		Use:   "explain FILE VERB PATH",
		Short: "Say which rule of a deadline policy matches a request, and its bounds",
		Long: `Say which rule of a deadline policy matches a request, and its bounds.

VERB is one of the API's: get, list, watch, create, update, patch, delete or
deletecollection; or an HTTP method. PATH is the request's, with or
without a query, as kube-apiserver would parse it.

A user gets the groups that authentication adds to it, such as system:authenticated.`,
		Example: `  fork policy explain policy.yaml list /api/v1/pods --user alice --group tenants
  fork policy explain policy.yaml GET '/openapi/v3?timeout=5s'`,
		Args: cobra.ExactArgs(3),
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&q.User, "user", "", "name of the request's user (default: not known)")
	cmd.Flags().StringArrayVar(&q.Groups, "group", nil, "a group of the user's; may be said more than once")
	cmd.Flags().DurationVar(&q.RequestTimeout, "request-timeout", time.Minute, "the server's --request-timeout")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if q.RequestTimeout <= 0 {
			return fmt.Errorf("--request-timeout %s: must be more than zero", q.RequestTimeout)
		}
		if args[0] == "" {
			return errNoPolicy
		}
		q.Verb, q.Path = args[1], args[2]
		e, err := deadlinepolicy.Explain(args[0], q)
		if err != nil {
			return err
		}
		return out.print(co.Out, e, func() { printExplanation(co.Out, e, q.RequestTimeout) })
	}
	return cmd
}

func printExplanation(w io.Writer, e *deadlinepolicy.Explanation, requestTimeout time.Duration) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintf(t, "request\t%s\n", describe(e.Request))
	if e.Request.User != "" || len(e.Request.Groups) > 0 {
		fmt.Fprintf(t, "user\t%s, in %s\n", e.Request.User, strings.Join(e.Request.Groups, ", "))
	}
	if e.LongRunning {
		fmt.Fprintf(t, "timeout\tnone: it is long-running, and no rule matches such a request\n")
		return
	}
	if e.Rule == "" {
		fmt.Fprintf(t, "rule\tnone\n")
	} else {
		fmt.Fprintf(t, "rule\t%s, rules[%d]\n", e.Rule, e.Index)
	}
	fmt.Fprintf(t, "timeout\t%s\n", bound(e.Timeout))
	if e.Handler != nil {
		fmt.Fprintf(t, "handler\t%s\n", bound(*e.Handler))
	}
	fmt.Fprintf(t, "in line\t%s at most\n", e.QueueWait)
	if time.Duration(e.Timeout.Duration) > requestTimeout {
		fmt.Fprintf(t, "shutdown\tends it %s after the server has stopped accepting requests\n", requestTimeout)
	}
	for _, r := range e.For {
		handler := ""
		if r.Handler != nil {
			handler = ", handler " + bound(*r.Handler)
		}
		fmt.Fprintf(t, "but for\t%s: rule %s, rules[%d]: %s%s\n", who(r), r.Rule, r.Index, bound(r.Timeout), handler)
	}
}

func describe(r deadlinepolicy.Request) string {
	if !r.IsResource {
		return fmt.Sprintf("%s of the path %s", r.Verb, r.Path)
	}
	resource, group := r.Resource, "the core group"
	if r.Subresource != "" {
		resource += "/" + r.Subresource
	}
	if r.APIGroup != "" {
		group = r.APIGroup
	}
	return fmt.Sprintf("%s of %s in %s", r.Verb, resource, group)
}

func bound(l deadlinepolicy.Limit) string {
	if l.By == "rule" {
		return fmt.Sprintf("%s, by the rule %s", l.Duration, l.Rule)
	}
	return fmt.Sprintf("%s, by %s", l.Duration, l.By)
}

func who(r deadlinepolicy.Rule) string {
	var parts []string
	if len(r.Users) > 0 {
		parts = append(parts, "users "+strings.Join(r.Users, ", "))
	}
	if len(r.Groups) > 0 {
		parts = append(parts, "groups "+strings.Join(r.Groups, ", "))
	}
	return strings.Join(parts, " in ")
}
