package policy

import (
	"net/netip"
	"slices"
)

// nested is the decision of a record that a target stands for.
type nested struct {
	decision Decision
	// healthy is whether it must answer a client with eligible targets, not just
	// with any, for the target to be there for that client.
	healthy bool
}

// serves reports whether the record has an answer for the client.
func (n *nested) serves(q *query) bool {
	m := match{query: q}
	n.decision.match(&m)
	s := &n.decision.steps[n.decision.find(&m)]
	return s.Kind == Answer && (s.State <= FailedOver || !n.healthy)
}

// nestedOptions are those of a target that stands for another record.
//
// With evaluate_target_health the target is eligible when that record has
// eligible targets, and an address must be eligible for both: the record decides
// anew with what is left. Without it the record's own decision counts, whatever
// its state, less the addresses that the target's own checks find unhealthy: the
// target is eligible when any is left. Its candidates, which are for when nothing
// is eligible, are what the record answers by itself. A record that answers no
// addresses (NODATA, or another word of its fail mode) has none.
func (t *Target) nestedOptions(order int, f Family) (eligible, candidate option) {
	own := t.Record.decide(t.Record.views(f))
	bad := unhealthy(t.Addresses)
	left, isEligible := own, false
	switch {
	case t.EvaluateTargetHealth && !t.Healthy:
		if len(bad) > 0 {
			without := t.Record.without(bad)
			left = without.decide(without.views(f))
		}
		isEligible = left.healthy()
	case own.Kind == Answer:
		left, isEligible = own.without(bad)
	}
	if isEligible {
		eligible = t.nestedOption(order, f, &nested{left, t.EvaluateTargetHealth && !t.Healthy})
	}
	if own.Kind == Answer {
		return eligible, t.nestedOption(order, f, &nested{own, false})
	}
	return eligible, eligible
}

func (t *Target) nestedOption(order int, f Family, child *nested) option {
	o := option{Target: t.Target, order: order, child: child}
	for _, a := range t.Addresses {
		if a.Eligible && f.Has(a.Addr) {
			o.measure(a)
		}
	}
	return o
}

// unhealthy returns which of the addresses are not eligible.
func unhealthy(addresses []Address) map[netip.Addr]bool {
	bad := map[netip.Addr]bool{}
	for _, a := range addresses {
		if !a.Eligible {
			bad[a.Addr] = true
		}
	}
	return bad
}

// without returns the record as it is when the bad addresses are unhealthy.
func (r *Record) without(bad map[netip.Addr]bool) *Record {
	left := &Record{Rules: r.Rules, Start: r.Start, Tiers: make([]Tier, len(r.Tiers))}
	for i, tier := range r.Tiers {
		left.Tiers[i] = slices.Clone(tier)
		for j := range tier {
			left.Tiers[i][j].Addresses = tier[j].without(bad)
		}
	}
	return left
}

func (t *Target) without(bad map[netip.Addr]bool) []Address {
	addresses := slices.Clone(t.Addresses)
	for i := range addresses {
		addresses[i].Eligible = addresses[i].Eligible && !bad[addresses[i].Addr]
	}
	if t.Record == nil {
		return addresses
	}
	// What stands below it counts for it, be it listed here or not.
	for addr := range bad {
		addresses = append(addresses, Address{Addr: addr})
	}
	return addresses
}

// without returns the decision less the bad addresses, and whether the first step
// has any left. It is not decided anew: the steps are those of the record's own
// health.
func (d *Decision) without(bad map[netip.Addr]bool) (left Decision, isLeft bool) {
	if len(bad) == 0 {
		return *d, true
	}
	left = Decision{Kind: d.Kind, State: d.State, Tier: d.Tier, table: &table{rules: d.rules}}
	first := d.first()
	for i := range d.steps {
		s := d.steps[i]
		if s.Kind == Answer {
			if s.options = without(s.options, bad); len(s.options) == 0 {
				if &d.steps[i] == first {
					return Decision{}, false
				}
				continue
			}
			s.slots = nil
		}
		left.add(s)
	}
	left.apart = !left.steps[0].everyone
	return left, true
}

func without(options []option, bad map[netip.Addr]bool) []option {
	var left []option
	for _, o := range options {
		if o, isLeft := o.without(bad); isLeft {
			left = append(left, o)
		}
	}
	return left
}

func (o option) without(bad map[netip.Addr]bool) (left option, isLeft bool) {
	left = option{Target: o.Target, order: o.order}
	for _, p := range o.picks {
		if !bad[p.Addr] {
			left.picks = append(left.picks, p)
		}
	}
	for _, a := range o.measured {
		if !bad[a.Addr] {
			left.measured = append(left.measured, a)
		}
	}
	if o.child == nil {
		return left, len(left.picks) > 0
	}
	child, isLeft := o.child.decision.without(bad)
	left.child = &nested{child, o.child.healthy}
	return left, isLeft
}
