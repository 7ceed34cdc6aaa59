package failover

import (
	"maps"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// holds are what keeps a record from failing back. A nil one belongs to a record that
// does so at once, and holds nothing. It is used while the record is locked.
type holds struct {
	byFamily map[policy.Family]verdict.Hold
	// decided is which tiers have had a verdict: better tiers that have not are
	// nothing to hold against.
	decided []bool
	wake    *time.Timer // decides anew when one ends, or nil
}

func (h *holds) of(f policy.Family) verdict.Hold {
	if h == nil {
		return verdict.Hold{}
	}
	return h.byFamily[f]
}

func (h *holds) set(f policy.Family, hold verdict.Hold) {
	if h.byFamily == nil {
		h.byFamily = make(map[policy.Family]verdict.Hold)
	}
	h.byFamily[f] = hold
}

// notice notes which tiers have had a verdict by now.
func (h *holds) notice(r *record) {
	if h == nil {
		return
	}
	for i := range h.decided {
		h.decided[i] = h.decided[i] || !r.tier(i+1).any((*target).undecided)
	}
}

// handOn gives what is held to to, which may have other tiers.
func (h *holds) handOn(to *holds) {
	if h == nil || to == nil {
		return
	}
	to.byFamily = maps.Clone(h.byFamily)
	copy(to.decided, h.decided)
}

// wakeAt has the record decide anew at that time, or at no time where it is
// zero.
func (r *record) wakeAt(at time.Time) {
	if r.holds == nil {
		return
	}
	if r.holds.wake != nil {
		r.holds.wake.Stop()
		r.holds.wake = nil
	}
	if !at.IsZero() && !r.stopped {
		r.holds.wake = time.AfterFunc(time.Until(at), func() { healthcheck.update(r) })
	}
}

// hold settles which tier is held in family f, and returns when that must be
// done again: zero is never.
func (r *record) hold(now time.Time, view *policy.Record, f policy.Family) time.Time {
	if r.holds == nil {
		return time.Time{}
	}
	hold, again := r.nextHold(now, view, f)
	r.holds.set(f, hold)
	return again
}

// nextHold returns the hold of now, without making it the record's.
func (r *record) nextHold(now time.Time, view *policy.Record, f policy.Family) (verdict.Hold, time.Time) {
	if r.holds == nil {
		return verdict.Hold{}, time.Time{}
	}
	failback := verdict.Failback{Manual: r.Failback.Mode == model.FailbackManual, After: r.Failback.After}
	return r.holds.of(f).Next(now, failback, r.tiersOf(view, f))
}

// waits reports whether a better tier is eligible than the one that is held.
func (r *record) waits(f policy.Family) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, better := r.back(0, f)
	return better
}

// back returns the hold that follows when the record goes back to a tier, or to the
// best one where it is 0, and whether there is one that it is kept from.
func (r *record) back(to int, f policy.Family) (verdict.Hold, bool) {
	if r.holds == nil {
		return verdict.Hold{}, false
	}
	return r.holds.of(f).Back(to, r.tiersOf(r.view(f, lens{}), f))
}

// tiersOf says how the tiers fare in family f. Nothing speaks against the one that
// is held while nobody knows what it stands for, as after a restart.
func (r *record) tiersOf(view *policy.Record, f policy.Family) []verdict.Tier {
	tiers := make([]verdict.Tier, len(r.Tiers))
	for i, eligible := range view.Eligible(f) {
		held := i+1 == r.holds.of(f).Tier && r.tier(i+1).any((*target).unresolved)
		tiers[i] = verdict.Tier{Eligible: eligible || held, Decided: r.holds.decided[i]}
	}
	return tiers
}
