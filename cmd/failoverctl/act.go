package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

const actHelp = `

It is done on every server. When one of them does not reply nothing is done
anywhere, unless --unreachable-ok says so; when one refuses, those that did it
and those that did not are told, and the exit status is 1.`

// deed is what an operator asks for.
type deed struct {
	verb   string
	record string
	action status.Action
	// lasts is for how long; 0 is until it is cleared.
	lasts time.Duration
	// unreachable lets servers be left out that do not reply.
	unreachable bool
}

func (a *app) drainCommand() *cobra.Command {
	d := &deed{verb: status.Drain}
	command := a.command(d, "Take a target out of the answers",
		`drain makes a target, or all targets of a record, not eligible. It is still
probed, and goes on counting as what it is measured to be when it is cleared.`)
	d.addForcingFlags(command)
	return command
}

func (a *app) forceCommand() *cobra.Command {
	d := &deed{verb: status.Force}
	command := a.command(d, "Force a target healthy or unhealthy, whatever probes find",
		`force makes a target, or all targets of a record, count as healthy or unhealthy,
whatever probes find, until it is cleared or the time is over.`)
	d.addForcingFlags(command)
	command.Use = "force healthy|unhealthy RECORD [TARGET]"
	command.Args = cobra.RangeArgs(2, 3)
	command.ValidArgsFunction = a.completeArgs(forcings, records, targets)
	command.RunE = func(c *cobra.Command, args []string) error {
		d.action.State = args[0]
		if args[0] != status.ForcedHealthy && args[0] != status.ForcedUnhealthy {
			return usagef("%q is neither healthy nor unhealthy", args[0])
		}
		return a.act(c.Context(), d, args[1:])
	}
	return command
}

func (a *app) clearCommand() *cobra.Command {
	return a.command(&deed{verb: status.Clear}, "Let the measured health of a target count again",
		`clear ends the forced state of a target, or that of a record: what is measured
counts again.`)
}

func (a *app) failbackCommand() *cobra.Command {
	return a.command(&deed{verb: status.Failback}, "Answer with a better tier that is eligible again, at once",
		`failback ends the wait of a record: the best tier that is eligible answers at
once, whatever the property failback says.`)
}

// command returns the one that does the deed on a record, or on a target of it.
func (a *app) command(d *deed, short, long string) *cobra.Command {
	command := &cobra.Command{
		Use:               d.verb + " RECORD [TARGET]",
		Short:             short,
		Long:              long + actHelp,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeArgs(records, targets),
		RunE: func(c *cobra.Command, args []string) error {
			return a.act(c.Context(), d, args)
		},
	}
	d.addFlags(command)
	return command
}

// addFlags adds the flags of every deed.
func (d *deed) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&d.action.Reason, "reason", "", "why, in a `text` of one line (required)")
	flags.BoolVar(&d.unreachable, "unreachable-ok", false, "go on without servers that do not reply")
	complete(command, "reason")
}

// addForcingFlags adds the flags of deeds that set a forced state.
func (d *deed) addForcingFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.DurationVar(&d.lasts, "for", 0, "`time` after which it ends by itself, such as 15m")
	flags.BoolVar(&d.action.Override, "force", false, "even if no target of the record stays eligible")
	complete(command, "for", "15m", "1h", "24h")
}

// act does a deed on every server, or on none.
func (a *app) act(ctx context.Context, d *deed, args []string) error {
	d.record = args[0]
	if len(args) > 1 {
		d.action.Target = args[1]
	}
	if d.action.Reason == "" {
		return usagef("--reason is missing: say why, for those who find it later")
	}
	if d.lasts < 0 {
		return usagef("--for is below 0")
	}
	if d.lasts > 0 {
		d.action.ExpiresIn = d.lasts.String()
	}
	replicas, err := a.connect(ctx)
	if err != nil {
		return err
	}
	reachable, err := a.findOnAll(ctx, replicas, d)
	if err != nil {
		return err
	}
	return a.tell(d, a.actOn(ctx, reachable, d))
}

// found is a record on a server.
type found = api.Result[status.Record]

// findOnAll returns the record as each server has it. Where one has not, a deed
// would leave servers that answer differently.
func (a *app) findOnAll(ctx context.Context, replicas api.Replicas, d *deed) ([]found, error) {
	all := api.Each(ctx, replicas, a.flags.timeout, func(ctx context.Context, c *api.Client) (status.Record, error) {
		return c.Record(ctx, d.record)
	})
	var have []found
	refused := false
	for _, f := range all {
		if f.Err == nil {
			have = append(have, f)
			continue
		}
		a.note("%s: %v", f.Client.Name, f.Err)
		if !d.unreachable || !isUnreachable(f.Err) {
			refused = true
		}
	}
	switch {
	case len(have) == 0 || refused && len(all) == 1:
		return nil, errors.New("nothing was done")
	case refused:
		return nil, errors.New("nothing was done on any server; --unreachable-ok leaves out those that do not reply")
	}
	return have, nil
}

func isUnreachable(err error) bool {
	_, ok := errors.AsType[*api.Unreachable](err)
	return ok
}

// actOn does a deed on the servers that have the record, each by its own ID of
// it.
func (a *app) actOn(ctx context.Context, have []found, d *deed) []found {
	ids := map[*api.Client]string{}
	var replicas api.Replicas
	for _, f := range have {
		ids[f.Client] = f.Value.ID
		replicas = append(replicas, f.Client)
	}
	return api.Each(ctx, replicas, a.flags.timeout, func(ctx context.Context, c *api.Client) (status.Record, error) {
		return c.Act(ctx, ids[c], d.verb, d.action)
	})
}

// tell says on which servers the deed was done, and what they answer then.
func (a *app) tell(d *deed, done []found) error {
	for _, f := range done {
		if f.Err != nil {
			a.complain("%s: %s: %v", f.Client.Name, notDone(f.Err), f.Err)
		}
	}
	if slices.ContainsFunc(done, wouldHarm) && d.mayOverride() {
		a.note("--force does it all the same")
	}
	if a.json() {
		return writeResults(a, done)
	}
	t := table{}
	t.row("SERVER", "RECORD", "STATE", "FAMILY", "TIER", "ANSWERS")
	for _, f := range done {
		if f.Err != nil {
			t.row(f.Client.Name, d.record, notDone(f.Err))
			continue
		}
		r := &f.Value
		for _, family := range shown(r.Families) {
			t.row(f.Client.Name, r.Name, stateOf(&r.Summary, family), family.Family,
				tierOf(family), answersOf(family, mostAnswers))
		}
	}
	t.write(a.out, "")
	if a.failed && len(done) > 1 {
		return fmt.Errorf("%s was not done on every server", d.verb)
	}
	return nil
}

// wouldHarm reports whether a server refused a deed that it could do.
func wouldHarm(f found) bool {
	p, ok := errors.AsType[*api.Problem](f.Err)
	return ok && p.Reason == status.Refused
}

// mayOverride reports whether --force would have it done.
func (d *deed) mayOverride() bool {
	return (d.verb == status.Drain || d.verb == status.Force) && !d.action.Override
}

// notDone says what is known of a deed that failed: a server that does not reply
// may have done it all the same.
func notDone(err error) string {
	if isUnreachable(err) {
		return "perhaps not done"
	}
	return "not done"
}
