package failover

import (
	"fmt"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// logTransition says that a check's verdict changed: one line, however many
// records share the check.
func logTransition(owners []owner, t engine.Transition) {
	reason := "the check succeeded"
	if t.Reason != nil {
		reason = t.Reason.Error()
	}
	line := fmt.Sprintf("%s: %v -> %v (was %v for %v): %s",
		subject(owners), t.From, t.To, t.From, rounded(t.Held), reason)
	if t.To == verdict.Unhealthy {
		log.Warning(line)
		return
	}
	log.Info(line)
}

// logBroken says that a check can not run on this machine, or runs again.
func logBroken(owners []owner, err error) {
	if err != nil {
		log.Errorf("%s: broken, its verdict stays as it is: %v", subject(owners), err)
		return
	}
	log.Infof("%s: runs again", subject(owners))
}

// subject names the target and check that a line is about.
func subject(owners []owner) string {
	o := owners[0]
	t := o.address.target
	s := fmt.Sprintf("record %s, tier %d, target %s, check %v",
		display(t.record.Name), t.tier, t.Text, &t.Checks[o.check])
	if more := len(owners) - 1; more > 0 {
		s += fmt.Sprintf(" (and %d more that share it)", more)
	}
	return s
}

// logChange says that a record's active tier or state changed.
func logChange(c change) {
	line := fmt.Sprintf("record %s, %v: %s, was %s", display(c.record.Name), c.family, told(c.to), told(c.from))
	if c.to.State == policy.Normal {
		log.Info(line)
		return
	}
	log.Warning(line)
}

// told puts a decision into words.
func told(d policy.Decision) string {
	switch d.Kind {
	case policy.Answer:
		return fmt.Sprintf("%v, tier %d answers", d.State, d.Tier)
	case policy.NoData:
		return fmt.Sprintf("%v, no data", d.State)
	case policy.Next:
		return fmt.Sprintf("%v, the next plugin answers", d.State)
	default:
		return fmt.Sprintf("%v, an error is answered", d.State)
	}
}

// rounded cuts a duration to what an operator wants to read.
func rounded(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
