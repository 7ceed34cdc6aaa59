package failover

import (
	"github.com/coredns-failover/failover/plugin/policy"
)

// leavesNothing returns the answer that has eligible targets now and would have
// none with that state, or nil: of the record, or of one above it.
func (o order) leavesNothing(state string) *answer {
	forced := lens{forces: func(t *target) string {
		if o.isAbout(t) {
			return state
		}
		return t.forced()
	}}
	for _, r := range withParents(o.record) {
		for _, f := range r.families {
			a := r.answers[f].Load()
			if a.actual.Kind != policy.Answer || a.actual.State > policy.FailedOver {
				continue
			}
			view := r.view(f, forced)
			if d := view.Decide(f); d.State > policy.FailedOver || d.Kind != policy.Answer {
				return a
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
	return t.record == o.record && healthcheck.forces.on(forceKey{t.record.key, t.Text}) == nil
}
