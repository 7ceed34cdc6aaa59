package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

const statusHelp = `status shows how servers fare, and the records that are not normal or that an
operator has forced. --all shows every record, --state and --search those that
they find.

With several servers, a record that they answer differently is marked with "!",
and shown as each of them has it.

With -w it goes on: on a terminal the screen follows what happens; elsewhere
each transition is a line, or a JSON object with -o json.`

// statusFlags say which records are shown.
type statusFlags struct {
	watch, all    bool
	state, search string
}

func (a *app) statusCommand() *cobra.Command {
	var f statusFlags
	command := &cobra.Command{
		Use:   "status",
		Short: "Show how servers fare, and which records are not normal",
		Long:  statusHelp,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.status(c.Context(), f)
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and show what happens")
	flags.BoolVarP(&f.all, "all", "a", false, "show every record")
	flags.StringVar(&f.state, "state", "", "show records in this `state`, or those that are forced")
	flags.StringVar(&f.search, "search", "", "show records with this `text` in their name, targets or addresses")
	complete(command, "state", "normal", "failed_over", "fail_open", "fail_closed", "fail_next", "forced")
	complete(command, "search")
	return command
}

func (a *app) status(ctx context.Context, f statusFlags) error {
	replicas, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if f.watch {
		return a.watch(ctx, replicas, f)
	}
	views := a.look(ctx, replicas, f)
	for _, v := range views {
		if v.Err != nil {
			a.complain("%s: %v", v.Client.Name, v.Err)
		}
	}
	if a.json() {
		return writeResults(a, views)
	}
	screen := statusScreen{views: views, now: a.now(), filtered: f != statusFlags{}}
	return screen.write(a.out)
}

// view is what a server shows at a time.
type view struct {
	Overview status.Overview  `json:"overview"`
	Records  []status.Summary `json:"records"`
	// seen is when that was, by our own clock.
	seen time.Time
}

// look returns what each server shows of the records that f finds on any of
// them: where they are told apart, each has to have its say.
func (a *app) look(ctx context.Context, replicas api.Replicas, f statusFlags) []api.Result[view] {
	views := api.Each(ctx, replicas, a.flags.timeout, func(ctx context.Context, c *api.Client) (view, error) {
		return a.view(ctx, c, f)
	})
	found := map[string]bool{}
	for _, v := range views {
		for i := range v.Value.Records {
			found[replica(v.Value.Records[i].ID)] = true
		}
	}
	var lacking api.Replicas
	for _, v := range views {
		if v.Err == nil && len(v.Value.Records) < len(found) {
			lacking = append(lacking, v.Client)
		}
	}
	a.supplement(ctx, views, lacking, found)
	return views
}

// supplement gives views the found records that they lack, as those are normal
// there: records can not be asked for by the dozen, so all of them are.
func (a *app) supplement(ctx context.Context, views []api.Result[view], lacking api.Replicas, found map[string]bool) {
	rest := api.Each(ctx, lacking, a.flags.timeout, func(ctx context.Context, c *api.Client) ([]status.Summary, error) {
		return c.Records(ctx, status.Query{})
	})
	for _, r := range rest {
		i := slices.IndexFunc(views, func(v api.Result[view]) bool { return v.Client == r.Client })
		views[i].Err = r.Err
		views[i].Value.Records = slices.DeleteFunc(r.Value, func(s status.Summary) bool { return !found[replica(s.ID)] })
	}
}

// view returns what one server shows.
func (a *app) view(ctx context.Context, c *api.Client, f statusFlags) (view, error) {
	overview, err := c.Overview(ctx)
	if err != nil {
		return view{}, err
	}
	v := view{Overview: overview, Records: []status.Summary{}, seen: a.now()}
	for _, q := range queries(overview, f) {
		records, err := c.Records(ctx, q)
		if err != nil {
			return view{}, err
		}
		v.Records = append(v.Records, records...)
	}
	slices.SortStableFunc(v.Records, byName)
	v.Records = slices.CompactFunc(v.Records, func(s, t status.Summary) bool { return s.ID == t.ID })
	return v, nil
}

// queries returns what to ask for: without flags only for states that any record
// is in. Of ten thousand records all are normal on most days.
func queries(o status.Overview, f statusFlags) []status.Query {
	if f.all || f.state != "" || f.search != "" {
		return []status.Query{{State: f.state, Search: f.search}}
	}
	var queries []status.Query
	for state, n := range o.Records {
		if state != normal && n > 0 {
			queries = append(queries, status.Query{State: state})
		}
	}
	if len(o.Forced) > 0 {
		queries = append(queries, status.Query{State: "forced"})
	}
	return queries
}

// normal is the state of records that answer with their primary.
const normal = "normal"

func byName(s, t status.Summary) int {
	return cmp.Or(cmp.Compare(s.Name, t.Name), cmp.Compare(s.ID, t.ID))
}
