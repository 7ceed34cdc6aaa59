package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

const showHelp = `show tells all that is known of a record: its tiers and targets, their addresses
and checks, what probes found, forced states beside what is measured, and the
last transitions.

RECORD is a name or, where several records have that name, an ID as status and
the error give them: NAME@LISTENER@ZONE.`

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show RECORD",
		Short:             "Show all that is known of a record",
		Long:              showHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeArgs(records),
		RunE: func(c *cobra.Command, args []string) error {
			return a.show(c.Context(), args[0])
		},
	}
}

func (a *app) show(ctx context.Context, id string) error {
	replicas, err := a.connect(ctx)
	if err != nil {
		return err
	}
	found := api.Each(ctx, replicas, a.flags.timeout, func(ctx context.Context, c *api.Client) (status.Record, error) {
		return c.Record(ctx, id)
	})
	complainOf(a, found)
	if a.json() {
		return writeResults(a, found)
	}
	w := bufio.NewWriter(a.out)
	if recordsDiffer(found) {
		fmt.Fprint(w, "! The servers differ.\n\n")
	}
	writeEach(w, found, func(r status.Record) { writeRecord(w, &r, a.now()) })
	return w.Flush()
}

// complainOf tells which servers did not do what was asked, and why.
func complainOf[T any](a *app, results []api.Result[T]) {
	for _, r := range results {
		if r.Err != nil {
			a.complain("%s: %v", r.Client.Name, r.Err)
		}
	}
}

// writeEach writes what each server replied, under its name where there are
// several.
func writeEach[T any](w io.Writer, results []api.Result[T], write func(T)) {
	first := true
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		if !first {
			fmt.Fprintln(w)
		}
		first = false
		if len(results) > 1 {
			line(w, "== %s", r.Client.Name)
		}
		write(r.Value)
	}
}

func recordsDiffer(results []api.Result[status.Record]) bool {
	first := ""
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		is := essence(&r.Value.Summary)
		if first != "" && is != first {
			return true
		}
		first = is
	}
	return false
}

// writeRecord writes all that is known of a record.
func writeRecord(w io.Writer, r *status.Record, now time.Time) {
	line(w, "%s  %s", r.Name, r.State)
	t := table{}
	t.row("id", r.ID)
	listens := r.Server + ", zone " + r.Zone
	if r.View != "" {
		listens += ", view " + r.View
	}
	t.row("listens", listens)
	t.row("types", strings.Join(r.Types, " "))
	t.row("ttl", seconds(r.TTL))
	t.row("policy", r.Policy)
	t.row("fail", r.Fail)
	t.row("failback", r.Failback)
	if r.Force != nil {
		t.row("forced", forcedText(r.Force))
	}
	if r.Observed {
		t.row("observed", "answers as if everything were healthy")
	}
	t.write(w, "  ")
	fmt.Fprintln(w)
	writeFamilies(w, r.Families, now)
	fmt.Fprintln(w)
	writeTargets(w, r)
	fmt.Fprintln(w)
	writeAddresses(w, r, now)
	writeHistory(w, r.History, now)
}

func writeFamilies(w io.Writer, families []status.Family, now time.Time) {
	t := table{}
	t.row("FAMILY", "STATE", "TIER", "SINCE", "ANSWERS")
	for _, f := range families {
		state := f.State
		if f.Waiting {
			state += ",waiting" // a better tier is eligible
		}
		t.row(f.Family, state, tierOf(f), age(now, f.Since), answersOf(f, len(f.Answers)))
	}
	t.write(w, "")
}

func writeTargets(w io.Writer, r *status.Record) {
	t := table{}
	t.row("TIER", "TARGET", "MEASURED", "ELIGIBLE", "WEIGHT", "FORCED")
	for _, tier := range r.Tiers {
		number := strconv.Itoa(tier.Tier)
		if len(tier.Active) > 0 {
			number += "*" // it answers
		}
		for i := range tier.Targets {
			target := &tier.Targets[i]
			t.row(number, target.Target, target.Verdict, yesNo(target.Eligible), strconv.Itoa(target.Weight), steering(target))
		}
	}
	t.write(w, "")
}

// steering says what keeps a target from being answered by what is measured.
func steering(t *status.Target) string {
	var parts []string
	if t.Drained {
		parts = append(parts, "drained in the Corefile")
	}
	if t.Force != nil {
		parts = append(parts, forcedText(t.Force))
	}
	if t.Unresolved != "" {
		parts = append(parts, "unresolved: "+t.Unresolved)
	}
	return dash(strings.Join(parts, "; "))
}

// forcedText says what an operator has set.
func forcedText(f *status.Forced) string {
	text := f.State
	if f.By != "" {
		text += " by " + f.By
	}
	if !f.Until.IsZero() {
		text += " until " + f.Until.UTC().Format(time.RFC3339)
	}
	return text + ": " + f.Reason
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func writeAddresses(w io.Writer, r *status.Record, now time.Time) {
	t := table{}
	t.row("ADDRESS", "CHECK", "MEASURED", "SINCE", "PROBED", "TOOK", "ERROR")
	for _, tier := range r.Tiers {
		for i := range tier.Targets {
			target := &tier.Targets[i]
			for j := range target.Addresses {
				addAddress(&t, &target.Addresses[j], now)
			}
			if target.More > 0 {
				t.row(fmt.Sprintf("and %d more of %s", target.More, target.Target))
			}
		}
	}
	if len(t.rows) == 1 {
		fmt.Fprintln(w, "No address is known.")
		return
	}
	t.write(w, "")
}

func addAddress(t *table, address *status.Address, now time.Time) {
	name := address.Address
	if address.Host != "" {
		name += " for " + address.Host
	}
	if len(address.Checks) == 0 {
		t.row(name, "none", address.Verdict)
	}
	for _, c := range address.Checks {
		t.row(name, c.Check, c.Verdict, age(now, c.Since), probed(c, now), seconds(c.Took), dash(c.LastError))
	}
}

// probed says when a check was last probed, or why it is not.
func probed(c status.Check, now time.Time) string {
	switch {
	case c.Broken:
		return "broken"
	case !c.Probed:
		return "never"
	case c.LastProbe.IsZero():
		return "not yet"
	}
	return age(now, c.LastProbe)
}

// mostHistory is how many transitions show tells; -o json has them all.
const mostHistory = 10

func writeHistory(w io.Writer, history []status.Transition, now time.Time) {
	if len(history) == 0 {
		return
	}
	fmt.Fprintln(w)
	for _, t := range slices.Backward(history[:min(len(history), mostHistory)]) {
		line(w, "%s ago  %s", age(now, t.At), transitionLine(t, time.RFC3339))
	}
}

// seconds is a duration of the API, to the millisecond.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
