package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

const explainHelp = `explain tells what a record would answer, and why: to a client, and while targets
are down. Nothing is changed. --down may be given several times, and takes a
target or an address of one.`

func (a *app) explainCommand() *cobra.Command {
	var client, qtype string
	var down []string
	command := &cobra.Command{
		Use:               "explain RECORD [--client IP] [--type TYPE] [--down TARGET]...",
		Short:             "Explain what would be answered, and why",
		Long:              explainHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeArgs(records),
		RunE: func(c *cobra.Command, args []string) error {
			q, err := question(client, qtype, down)
			if err != nil {
				return err
			}
			return a.explain(c.Context(), args[0], q)
		},
		DisableFlagsInUseLine: true,
	}
	flags := command.Flags()
	flags.StringVar(&client, "client", "", "`address` of who asks")
	flags.StringVar(&qtype, "type", "", "query `type` (default the first that the record answers)")
	flags.StringArrayVar(&down, "down", nil, "`target` that is taken for unhealthy")
	complete(command, "client")
	complete(command, "type", "A", "AAAA")
	a.completeTargets(command, "down")
	return command
}

// question reads the flags of explain.
func question(client, qtype string, down []string) (status.Question, error) {
	q := status.Question{Type: strings.ToUpper(qtype), Down: down}
	if _, known := dns.StringToType[q.Type]; qtype != "" && !known {
		return q, usagef("--type %q is no query type", qtype)
	}
	if client == "" {
		return q, nil
	}
	var err error
	if q.Client, err = netip.ParseAddr(client); err != nil {
		return q, usagef("--client %q is no address", client)
	}
	return q, nil
}

func (a *app) explain(ctx context.Context, id string, q status.Question) error {
	replicas, err := a.connect(ctx)
	if err != nil {
		return err
	}
	ask := func(ctx context.Context, c *api.Client) (status.Explanation, error) { return c.Explain(ctx, id, q) }
	found := api.Each(ctx, replicas, a.flags.timeout, ask)
	complainOf(a, found)
	if a.json() {
		return writeResults(a, found)
	}
	w := bufio.NewWriter(a.out)
	writeEach(w, found, func(e status.Explanation) { writeExplanation(w, &e) })
	return w.Flush()
}

func writeExplanation(w io.Writer, e *status.Explanation) {
	asked := e.Record + " " + e.Type
	if e.Client != "" {
		asked += " from " + e.Client
	}
	if len(e.Down) > 0 {
		asked += ", with " + strings.Join(e.Down, " and ") + " down"
	}
	line(w, "%s", asked)
	answer := answersOf(status.Family{Kind: e.Kind, Answers: e.Answers}, len(e.Answers))
	by := e.State
	if e.Tier > 0 {
		by += fmt.Sprintf(", tier %d", e.Tier)
	}
	line(w, "  %s  (%s, ttl %s)", answer, by, seconds(e.TTL))
	if len(e.Steps) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := table{}
	for _, step := range e.Steps {
		about := "record"
		if step.Tier > 0 {
			about = fmt.Sprintf("tier %d", step.Tier)
		}
		t.row(about, step.Text)
	}
	t.write(w, "  ")
}
