package failover

import (
	"fmt"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// reason says why the questions of the answer's family get what they do, by health
// as it is; "" where the primary answers.
func (r *record) reason(a *answer) string { return a.reason(a.actual().State, int(a.actual().Tier)) }

// reason says what keeps the tiers before that one from answering, or all of them
// where nothing is eligible; "" where nothing does.
func (a *answer) reason(state policy.State, tier int) string {
	switch {
	case state == policy.Normal:
		return ""
	case a.actual().Held && tier == int(a.actual().Tier):
		return fmt.Sprintf("a better tier is eligible again, but failback holds tier %d", tier)
	}
	// A tier without an address of the family is passed over since what it has of
	// the other one is not eligible either.
	for _, f := range [...]policy.Family{a.family, policy.Any} {
		for t := range a.record.targets.each() {
			if state == policy.FailedOver && t.tier >= tier {
				break
			}
			if reason := t.reasonIn(f); reason != "" {
				return "target " + t.Text + ": " + reason
			}
		}
	}
	return ""
}

// reason says why the target is not answered; "" where nothing speaks against it.
func (t *target) reason() string { return t.reasonIn(policy.Any) }

// reasonIn says why the target is not answered to questions of family f; "" where
// nothing speaks against it, or where it has nothing of that family.
func (t *target) reasonIn(f policy.Family) string {
	if f := t.force.Load(); f != nil && f.State != status.ForcedHealthy {
		return f.State + " by " + f.By + ": " + f.Reason
	}
	if t.Drain {
		return "drained by the Corefile"
	}
	if view := t.view(f, lens{}); view.Eligible(f) {
		return ""
	}
	if len(t.list()) == 0 {
		return "it has no address"
	}
	if found := found(t.list(), f); found != "" || t.child == nil {
		return found
	}
	return t.child.reasonAsTarget(f)
}

// found says what probes have found on the first unhealthy address of family f; ""
// where none is.
func found(addresses []*address, f policy.Family) string {
	for _, a := range addresses {
		if reason := a.reason(); reason != "" && f.Has(a.Addr) {
			return reason
		}
	}
	return ""
}

// reasonAsTarget says why the record is not good enough for one that has it as a
// target; "" where it is.
func (r *record) reasonAsTarget(f policy.Family) string {
	for _, a := range r.answersIn(f) {
		if a.Kind == policy.Answer && a.State <= policy.FailedOver {
			continue
		}
		if reason := r.reason(a); reason != "" {
			return r.words(telling(&a.Decision)) + "; " + reason
		}
		return r.words(telling(&a.Decision))
	}
	return ""
}

// reason says why the address is unhealthy; "" where it is not.
func (a *address) reason() string {
	if a.verdict() != verdict.Unhealthy {
		return ""
	}
	for i, c := range a.checks {
		if s := c.Status(); s.Verdict == verdict.Unhealthy {
			m := &a.target.Checks[i]
			return "check " + m.String() + ": " + foundBy(m, s)
		}
	}
	return ""
}

// foundBy says why a check is unhealthy.
func foundBy(m *model.Check, s engine.Status) string {
	switch {
	case s.Err != nil:
		return s.Err.Error()
	case m.Disabled:
		return "disabled and inverted"
	case s.Probed.IsZero():
		return "it was unhealthy before, and has not been probed since"
	default:
		return "it succeeds again, but not yet often enough"
	}
}
