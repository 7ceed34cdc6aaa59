package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const drillHelp = `test is a fire drill. It forces the primary's targets of a record unhealthy for a
while, on every server, asks the DNS servers all the time, clears what it forced
and reports how long the answer took to change and to come back, and what was
answered meanwhile. The exit status is 1 if the answer did not change.

Clients get the secondary for that while: it says what it is about to do, and
asks before it does. Ctrl-C restores. Should failoverctl die, the forced states
end by themselves, 10 seconds after the drill would have.

It takes a token of the role "all". It begins only with a record that is normal,
with nothing forced, and whose other targets would answer. Each server is asked
at the address of its admin API and the port that the record is served on, unless
--dns says otherwise.`

// drillFlags say what the drill is.
type drillFlags struct {
	dns    []string
	qtype  string
	name   string
	target string
	lasts  time.Duration
	yes    bool
}

func (a *app) drillCommand() *cobra.Command {
	var f drillFlags
	command := &cobra.Command{
		Use:               "test RECORD",
		Short:             "Hold a fire drill: fail a record over, and back",
		Long:              drillHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeArgs(records),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.drill(c.Context(), args[0], &f)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&f.dns, "dns", nil, "`address` of a DNS server to ask, with or without a port")
	flags.StringVar(&f.qtype, "type", "A", "query `type`: A or AAAA")
	flags.StringVar(&f.name, "name", "", "`name` to ask for, under a wildcard")
	flags.StringVar(&f.target, "target", "", "the only `target` to force unhealthy")
	flags.DurationVar(&f.lasts, "for", 30*time.Second, "how long the drill lasts")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask before")
	complete(command, "dns")
	complete(command, "type", "A", "AAAA")
	complete(command, "name")
	complete(command, "for", "10s", "30s", "5m")
	a.completeTargets(command, "target")
	return command
}

func (f *drillFlags) check() error {
	f.qtype = strings.ToUpper(f.qtype)
	if f.qtype != "A" && f.qtype != "AAAA" {
		return usagef("--type %q is neither A nor AAAA", f.qtype)
	}
	if f.lasts < time.Second || f.lasts > time.Hour {
		return usagef("--for %v is not in 1s..1h", f.lasts)
	}
	return nil
}

func (a *app) drill(ctx context.Context, id string, f *drillFlags) error {
	replicas, err := a.connect(ctx)
	if err != nil {
		return err
	}
	have, err := a.findOnAll(ctx, replicas, &deed{record: id})
	if err != nil {
		return err
	}
	d := &drill{lasts: f.lasts, qtype: f.qtype, timeout: a.flags.timeout, tell: a.teller()}
	for _, found := range have {
		if err := d.add(ctx, found, f); err != nil {
			return fmt.Errorf("%s: %w", found.Client.Name, err)
		}
	}
	if err := d.addResponders(f); err != nil {
		return err
	}
	if err := a.confirm(ctx, d, f.yes); err != nil {
		return err
	}
	reports, err := d.run(ctx)
	if reports == nil {
		return err
	}
	return errors.Join(a.report(reports), err)
}

// teller returns what tells people how the drill goes: beside the output, where
// that is for programs.
func (a *app) teller() func(format string, args ...any) {
	to := a.out
	if a.json() {
		to = a.err
	}
	return func(format string, args ...any) { line(to, format, args...) }
}

// confirm says what the drill is about to do, and asks whether it may.
func (a *app) confirm(ctx context.Context, d *drill, yes bool) error {
	d.announce()
	if yes {
		return nil
	}
	if !a.answers {
		return errors.New("nobody is there to be asked; --yes goes on without")
	}
	fmt.Fprint(a.err, "Go on? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		text, err := bufio.NewReader(a.in).ReadString('\n')
		if err != nil {
			text = "no"
		}
		answer <- strings.ToLower(strings.TrimSpace(text))
	}()
	select {
	case <-ctx.Done():
		return errors.New("nothing was done")
	case text := <-answer:
		if text == "y" || text == "yes" {
			return nil
		}
		return errors.New("nothing was done")
	}
}

// announce says what the drill is about to do.
func (d *drill) announce() {
	d.tell("Fire drill for %s", d.lasts)
	for _, s := range d.servers {
		d.tell("  %s  forces %s unhealthy in %s", s.name, strings.Join(s.targets, " "), s.record.Name)
		d.tell("  %s  expects %s", s.name, s.expected)
	}
	q := d.question.Question[0]
	for _, r := range d.responders {
		d.tell("  %s  is asked for %s %s", r.name, strings.TrimSuffix(q.Name, "."), d.qtype)
	}
}

// report shows what came of the drill. It is an error where an answer did not
// change.
func (a *app) report(reports []drillReport) error {
	if a.json() {
		if err := a.writeJSON(reports, false); err != nil {
			return err
		}
	} else {
		writeReports(a, reports)
	}
	for _, r := range reports {
		switch {
		case !r.Switched:
			return fmt.Errorf("%s: the answer did not change", r.Server)
		case !r.Restored:
			return fmt.Errorf("%s: the answer did not come back", r.Server)
		}
	}
	return nil
}

func writeReports(a *app, reports []drillReport) {
	t := table{}
	t.row("DNS SERVER", "SWITCHED", "BACK", "ASKED", "NO ANSWER", "MEANWHILE")
	for _, r := range reports {
		t.row(r.Server, after(r.Switched, r.SwitchedAfter), after(r.Restored, r.RestoredAfter),
			fmt.Sprint(r.Asked), fmt.Sprint(r.Unanswered), some(r.Meanwhile, mostAnswers))
	}
	fmt.Fprintln(a.out)
	t.write(a.out, "")
}

// after says how long something took to happen, if it did.
func after(happened bool, took float64) string {
	if !happened {
		return "never"
	}
	return seconds(took)
}
