package failover

import (
	"fmt"

	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// reason says what keeps the better tiers from answering; "" where nothing does.
func (r *record) reason(a *answer) string {
	if a.actual.State == policy.Normal {
		return ""
	}
	for _, t := range r.targets() {
		if a.actual.Tier > 0 && t.tier >= a.actual.Tier {
			break
		}
		if reason := t.reason(); reason != "" {
			return "target " + t.Text + ": " + reason
		}
	}
	return ""
}

// reason says why the target is not answered; "" where nothing speaks against it.
func (t *target) reason() string {
	if f := t.force.Load(); f != nil && f.State != status.ForcedHealthy {
		return f.State + " by " + f.By + ": " + f.Reason
	}
	if t.Drain {
		return "drained by the Corefile"
	}
	if len(t.list()) == 0 && !t.onlyAsked() {
		return "it has no address"
	}
	for _, a := range t.list() {
		if reason := a.reason(); reason != "" {
			return reason
		}
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
			found := "disabled and inverted"
			if s.Err != nil {
				found = s.Err.Error()
			}
			return fmt.Sprintf("check %v: %s", &a.target.Checks[i], found)
		}
	}
	return ""
}
