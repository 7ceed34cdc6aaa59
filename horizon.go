package failover

import (
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
)

// horizon returns how long it takes at least until a verdict can change what the
// record answers from a tier, which may be none (0). What is below the active
// tier changes nothing.
func (r *record) horizon(f policy.Family, tier int, learned []*address) time.Duration {
	if r.Policy == model.Fastest {
		return 0 // every probe may change who is the fastest
	}
	last := len(r.Tiers)
	if a := r.answers[f].Load(); tier > 0 && a != nil && a.State <= policy.FailedOver {
		last = max(tier, int(a.Tier))
	}
	soonest := forever
	for t := range r.targets.each() {
		if t.tier > last {
			break
		}
		soonest = min(soonest, t.horizon(f))
	}
	for _, a := range learned {
		soonest = min(soonest, a.horizon())
	}
	return soonest
}

func (t *target) horizon(f policy.Family) time.Duration {
	soonest := forever
	if t.child != nil {
		soonest = t.child.horizon(f, 0, nil)
	}
	for _, a := range t.list() {
		soonest = min(soonest, a.horizon())
	}
	return soonest
}

func (a *address) horizon() time.Duration {
	soonest := forever
	for i, c := range a.checks {
		if a.target.Checks[i].Watch {
			return 0 // the connection may break at any time
		}
		if h := c.Horizon(); !h.IsZero() {
			soonest = min(soonest, time.Until(h))
		}
	}
	return soonest
}
