package failover

import (
	"slices"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"
)

// answer is what the questions of one family for a record are answered with,
// until the health of a target changes. It is read-only. Like a record it is what
// questions read, and takes a line of the cache.
type answer struct {
	policy.Decision
	family policy.Family
	// unresolved is whether a target that may be answered is an alias of which
	// nothing is known yet, so that a question must wait for that.
	unresolved bool
	hopes      bool // hopeful is set
	*basis
}

// basis is what an answer is based on.
type basis struct {
	record *record
	// guessed is whether nothing is known yet of a target that may be answered, alias or
	// next, so that what is decided now says nothing.
	guessed bool
	start   int32 // the tier at which the search starts, as failback has it
	// healthwise is the decision by health as it is, where the record observes and answers
	// something else, or nil. See actual.
	healthwise *policy.Decision
	since      int64 // when what is told of actual began, in nanoseconds of Unix time
	// hopeful is the decision if next has an eligible address. Where its choice
	// depends on that, the next plugins must be asked. Nil without next.
	hopeful *policy.Decision
}

// actual returns the decision by health as it is.
func (a *answer) actual() *policy.Decision {
	if a.healthwise != nil {
		return a.healthwise
	}
	return &a.Decision
}

// equals reports whether a later answer says no more than this one does. Those that
// are not the same for every query are not compared.
func (a *answer) equals(later *answer) bool {
	return a.record == later.record && a.Equals(&later.Decision) &&
		a.healthwise == nil && later.healthwise == nil && a.hopeful == nil &&
		a.unresolved == later.unresolved && a.guessed == later.guessed && a.start == later.start
}

// decide makes the answer of now out of what the record's targets stand for, and returns
// when that must be done again although no health changes: zero is never.
func (a *answer) decide(view *policy.Record, now time.Time) time.Time {
	r, f := a.record, a.family
	again := r.hold(now, view, f)
	view.Start = r.holds.of(f).Start()
	a.start = int32(view.Start)
	a.Decision = view.Decide(f)
	if r.Observe {
		a.healthwise = new(a.Decision)
		a.start = 0
		view = r.view(f, r.lens())
		view.Start = 0
		a.Decision = view.Decide(f)
	}
	for t := range r.targets.each() {
		unknown := a.reaches(t) && t.unresolved()
		a.guessed = a.guessed || unknown
		a.unresolved = a.unresolved || unknown && t.mustResolve()
	}
	if r.next != nil {
		a.hopeful, a.hopes = new(r.hopeful(view).Decide(f)), true
	}
	return again
}

// hopeful changes a view so that next has an eligible address of each family,
// which is as fast as one that is known. There is no hope where an operator says
// otherwise.
func (r *record) hopeful(view *policy.Record) *policy.Record {
	if r.lens().health(r.next) == status.ForcedUnhealthy {
		return view
	}
	tier := view.Tiers[r.next.tier-1]
	next := &tier[slices.IndexFunc(tier, func(t policy.Target) bool { return t.Kind == model.Next })]
	hoped := slices.Clone(anyAddress)
	for i := range hoped {
		for _, known := range next.Addresses {
			if known.Eligible && known.Is4() == hoped[i].Is4() {
				hoped[i].Meter = known.Meter
			}
		}
	}
	next.Addresses = hoped
	return view
}

// reaches reports whether what target t stands for can matter to a question: it
// is in the active tier or in one that is searched before it, or there is no eligible
// tier, or questions differ in the tier that they get.
func (a *answer) reaches(t *target) bool {
	if a.record.asksClient || a.record.Trickle > 0 {
		return true
	}
	return a.Tier == 0 || a.State > policy.FailedOver || a.turn(t.tier) <= a.turn(int(a.Tier))
}

// turn is when a tier is searched: those before the held one come last.
func (a *answer) turn(tier int) int {
	if tier < int(a.start) {
		return tier + len(a.record.Tiers)
	}
	return tier
}

// ttl returns that of answers from a tier of the record, which may be none (0):
// the record's, or the target's own where that is shorter. Learned addresses are
// those that only the question could tell.
func (r *record) ttl(f policy.Family, tier int, learned ...*address) time.Duration {
	ttl := time.Duration(r.longest) * time.Second
	if r.shortens {
		ttl = min(ttl, max(r.TTL.Min, r.horizon(f, tier, learned).Truncate(time.Second)))
	}
	if tier == 0 || !r.aliased {
		return ttl
	}
	for t := range r.tier(tier).each() {
		ttl = min(ttl, t.ttl(f))
	}
	return ttl
}

// forever is longer than any TTL.
const forever = time.Duration(1<<63 - 1)

// ttl returns how long what the target stands for is good for.
func (t *target) ttl(f policy.Family) time.Duration {
	switch {
	case t.child != nil:
		ttl := t.child.TTL.Max
		for _, a := range t.child.answersIn(f) {
			ttl = min(ttl, t.child.ttl(f, int(a.Tier)))
		}
		return ttl
	case t.Kind == model.Alias && t.naming != nil && len(t.list()) > 0:
		return t.naming.name.State().TTL
	default:
		return forever
	}
}

// ofType returns the picks whose addresses are of that type.
func ofType(picks []policy.Pick, qtype uint16) []policy.Pick {
	return slices.DeleteFunc(picks, func(p policy.Pick) bool { return !p.Addr.IsValid() || typeOf(p.Addr) != qtype })
}
