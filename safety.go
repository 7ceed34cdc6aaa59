package failover

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/policy"
)

// leavesNothing returns the answer that has eligible targets for some clients now
// and would have none with that state, or nil: of the record, or of one above it.
func (o order) leavesNothing(state string) *answer {
	now := lens{learned: o.record.handler.learned.byTarget()}
	then := now
	then.forces = func(t *target) string {
		if o.isAbout(t) {
			return state
		}
		return t.forced()
	}
	for _, r := range withParents(o.record) {
		kinds := r.kindsOfClients()
		for _, f := range r.families() {
			before, after := r.view(f, now).Decide(f), r.view(f, then).Decide(f)
			if slices.ContainsFunc(kinds, func(k kind) bool { return k.loses(&before, &after) }) {
				return r.answers[f].Load()
			}
		}
	}
	return nil
}

// isAbout reports whether the order would change what is forced on a target.
func (o order) isAbout(t *target) bool {
	if o.target != nil {
		return t == o.target
	}
	return t.record == o.record && healthcheck.forces.on(forceKey{t.record.key(), t.Text}) == nil
}

// kind is a kind of clients, by all that they may be.
type kind []policy.Client

// loses reports whether such clients have eligible targets before and none after,
// wherever they are.
func (k kind) loses(before, after *policy.Decision) bool {
	return !slices.ContainsFunc(k, func(c policy.Client) bool {
		return !loses(before.Choose(c, nil), after.Choose(c, nil))
	})
}

// loses reports whether a client is answered with eligible targets before, and not
// after. Of what only a question can tell nobody knows whether there is anything in
// a family: to have eligible targets in the other one is enough then.
func loses(before, after policy.Choice) bool {
	switch {
	case before.Kind != policy.Answer || before.State > policy.FailedOver:
		return false
	case after.State > policy.FailedOver || after.Tier == 0:
		return true
	default:
		return after.Kind == policy.NoData && slices.ContainsFunc(before.Picks, isKnown)
	}
}

func isKnown(p policy.Pick) bool { return !p.Addr.IsUnspecified() }

// kindsOfClients returns one kind of clients for each value that policy clients
// matches in the record or in one that it has as a target, and one for all others.
func (r *record) kindsOfClients() []kind {
	values := r.clientValues()
	kinds := []kind{{typical{}}}
	for _, value := range values {
		kinds = append(kinds, kindOf(value, values))
	}
	return kinds
}

func (r *record) clientValues() []string {
	var values []string
	for t := range r.targets.each() {
		values = append(values, t.Clients...)
		if t.child != nil {
			values = append(values, t.child.clientValues()...)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// kindOf returns the clients that a value is for. Nobody has told in which of the
// continents that other values name a country is.
func kindOf(value string, others []string) kind {
	one := typical{}
	level, code, _ := strings.Cut(value, ":")
	switch level {
	case "continent":
		one.continent = code
		return kind{one}
	case "country":
		one.country = code
	case "subdivision":
		one.subdivision = code
		one.country, _, _ = strings.Cut(code, "-")
	default: // "*", or a network, which may have a colon too
		one.network, _ = netip.ParsePrefix(value)
		return kind{one}
	}
	all := kind{one}
	for _, other := range others {
		if continent, ok := strings.CutPrefix(other, "continent:"); ok {
			one.continent = continent
			all = append(all, one)
		}
	}
	return all
}

// typical is a client of which nothing else is known. It implements policy.Client.
type typical struct {
	network                         netip.Prefix
	subdivision, country, continent string
}

// Prefix implements policy.Client.
func (c typical) Prefix() netip.Prefix { return c.network }

// Regions implements policy.Client.
func (c typical) Regions() (subdivisions, country, continent string) {
	return c.subdivision, c.country, c.continent
}

// Coordinates implements policy.Client.
func (c typical) Coordinates() (latitude, longitude float64, ok bool) { return 0, 0, false }
