package policy

import (
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

// view is a tier as the questions of one family see it.
type view struct {
	at     int // the tier, from 0
	size   int // of the tier
	family Family

	// enough is whether as many targets are eligible as min_healthy asks for.
	enough bool
	// eligible are the targets that may be answered, with their eligible
	// addresses.
	eligible []option
	// serving and drained are all that have an address of the family, with all of
	// their addresses: the candidates.
	serving, drained []option
	// elsewhere are targets without an address of the family which are eligible
	// in the other one, if their tier is.
	elsewhere []int
}

// option is a target that may be answered.
type option struct {
	*model.Target
	order    int       // in the tier, from 0
	picks    []Pick    // its addresses
	child    *nested   // in place of picks, where the target is another record
	measured []Address // those of its addresses that have a Meter
}

// views are all tiers as family f sees them.
func (r *Record) views(f Family) []view {
	views := r.within(f)
	r.lookElsewhere(views, f)
	return views
}

// within are all tiers as family f sees them, without a look at the other one.
func (r *Record) within(f Family) []view {
	views := make([]view, len(r.Tiers))
	for i, tier := range r.Tiers {
		views[i] = r.view(i, tier, f)
	}
	return views
}

// lookElsewhere finds what tiers answer in the other family only.
func (r *Record) lookElsewhere(views []view, f Family) {
	other, ok := f.other()
	if !ok {
		return
	}
	for i, tier := range r.Tiers {
		if !views[i].hasCandidates() || r.Policy == model.Clients {
			views[i].addElsewhere(r.view(i, tier, other))
		}
	}
}

func (r *Record) view(at int, tier Tier, f Family) view {
	v := view{at: at, size: len(tier), family: f}
	for i := range tier {
		v.add(&tier[i], i)
	}
	n := len(v.serving) + len(v.drained)
	v.enough = n > 0 && len(v.eligible) >= max(1, r.MinHealthy.Of(n))
	return v
}

// add sorts a target into the view.
func (v *view) add(t *Target, order int) {
	eligible, candidate := t.options(order, v.family)
	switch {
	case candidate.none():
	case t.drained():
		v.drained = append(v.drained, candidate)
	default:
		v.serving = v.with(v.serving, candidate)
		if !eligible.none() {
			v.eligible = v.with(v.eligible, eligible)
		}
	}
}

// with returns options with one more, and with room for the whole tier from the first.
func (v *view) with(options []option, more option) []option {
	if options == nil {
		options = make([]option, 0, v.size)
	}
	return append(options, more)
}

// drained reports whether the target is never eligible, whoever says so.
func (t *Target) drained() bool { return t.Drain || t.Drained }

// Eligible reports whether the target may be answered to questions of family f.
func (t *Target) Eligible(f Family) bool {
	eligible, _ := t.options(0, f)
	return !eligible.none() && !t.drained()
}

// options are the target with its eligible addresses of family f, and with all
// of them. Mostly they are the same.
func (t *Target) options(order int, f Family) (eligible, candidate option) {
	if t.Record != nil {
		return t.nestedOptions(order, f)
	}
	candidate = t.option(order, func(a Address) bool { return f.Has(a.Addr) })
	if !slices.ContainsFunc(t.Addresses, func(a Address) bool { return f.Has(a.Addr) && !a.Eligible }) {
		return candidate, candidate
	}
	return t.option(order, func(a Address) bool { return f.Has(a.Addr) && a.Eligible }), candidate
}

// option is the target with those of its addresses that count.
func (t *Target) option(order int, counts func(Address) bool) option {
	o := option{Target: t.Target, order: order}
	for _, a := range t.Addresses {
		if counts(a) {
			o.add(a)
		}
	}
	return o
}

// none reports whether there is nothing to answer.
func (o *option) none() bool { return len(o.picks) == 0 && o.child == nil }

func (o *option) add(a Address) {
	o.picks = append(o.picks, Pick{o.Target, a.Addr})
	o.measure(a)
}

func (o *option) measure(a Address) {
	if a.Meter != nil {
		o.measured = append(o.measured, a)
	}
}

func (v *view) hasCandidates() bool { return len(v.serving)+len(v.drained) > 0 }

func hasCandidates(views []view) bool {
	for i := range views {
		if views[i].hasCandidates() {
			return true
		}
	}
	return false
}

// absent reports whether the tier answers in the other family only.
func (v *view) absent() bool { return !v.hasCandidates() && len(v.elsewhere) > 0 }

// stops reports whether the search would stop at the tier.
func (v *view) stops() bool { return v.enough || v.absent() }

// addElsewhere adds the targets that the tier answers in the other family only.
func (v *view) addElsewhere(other view) {
	if !other.enough {
		return
	}
	candidates := v.candidates()
	for i := range other.eligible {
		if order := other.eligible[i].order; !candidates[order] {
			v.elsewhere = append(v.elsewhere, order)
		}
	}
}

// candidates reports for each target whether it has an address of the family.
func (v *view) candidates() []bool {
	is := make([]bool, v.size)
	for _, options := range [...][]option{v.serving, v.drained} {
		for i := range options {
			is[options[i].order] = true
		}
	}
	return is
}

// answer is the step that answers options.
func (v *view) answer(options []option) step {
	return step{State: stateOf(v.at), Tier: v.at + 1, at: v.at, family: v.family, options: options}
}

// noData is the step of those whom the tier answers in the other family only.
func (v *view) noData() step {
	s := step{Kind: NoData, State: stateOf(v.at), Tier: v.at + 1, at: v.at, only: v.hasCandidates()}
	s.slots = make([]int, v.size)
	candidates := v.candidates()
	for order := range s.slots {
		s.slots[order] = none
		if candidates[order] {
			s.slots[order] = here
		}
	}
	for _, order := range v.elsewhere {
		s.slots[order] = elsewhere
	}
	return s
}

func stateOf(at int) State {
	if at == 0 {
		return Normal
	}
	return FailedOver
}
