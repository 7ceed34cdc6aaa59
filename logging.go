package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// logTransition says that a check's verdict changed: one line, however many
// records share the check.
func logTransition(owners []owner, t engine.Transition) {
	line := fmt.Sprintf("%s: %v -> %v (was %v for %v): %s",
		subject(owners), t.From, t.To, t.From, rounded(t.Held), reason(owners[0], t))
	if t.To == verdict.Unhealthy {
		log.Warning(line)
		return
	}
	log.Info(line)
}

// reason is what the last probe found.
func reason(o owner, t engine.Transition) string {
	switch {
	case t.Reason != nil:
		return t.Reason.Error()
	case o.check().Invert:
		return "the check failed, and invert makes that a success"
	default:
		return "the check succeeded"
	}
}

// logBroken says that a check can not run on this machine, or runs again.
func logBroken(owners []owner, err error) {
	if err != nil {
		log.Errorf("%s: broken, its verdict stays as it is: %v", subject(owners), err)
		return
	}
	log.Infof("%s: runs again", subject(owners))
}

// subject names the target and check that a line is about, and the other
// records that share the check.
func subject(owners []owner) string {
	o := owners[0]
	t := o.address.target
	return fmt.Sprintf("record %s, tier %d, target %s, check %v%s",
		display(t.record.Name), t.tier, t.Text, o.check(), others(owners))
}

// mostNamed bounds the records that one line names.
const mostNamed = 3

// others names the records that share the check with the first.
func others(owners []owner) string {
	first := display(owners[0].address.target.record.Name)
	var names []string
	for _, o := range owners {
		if n := display(o.address.target.record.Name); n != first && !slices.Contains(names, n) {
			if len(names) == mostNamed {
				return fmt.Sprintf(" (shared with %s and more)", strings.Join(names, ", "))
			}
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (shared with %s)", strings.Join(names, ", "))
}

// logChange says that a record's active tier or state changed.
func logChange(c change) {
	line := fmt.Sprintf("record %s, %v: %s, was %s",
		display(c.record.Name), c.family, c.record.told(c.to), c.record.told(c.from))
	if c.to.State == policy.Normal {
		log.Info(line)
		return
	}
	log.Warning(line)
}

// told puts a decision into words.
func (r *record) told(d policy.Decision) string {
	switch d.Kind {
	case policy.Answer:
		return fmt.Sprintf("%v, tier %d answers", d.State, d.Tier)
	case policy.NoData:
		return fmt.Sprintf("%v, no data", d.State)
	case policy.Next:
		return fmt.Sprintf("%v, the next plugin answers", d.State)
	default:
		return fmt.Sprintf("%v, %s is answered", d.State, dns.RcodeToString[r.Fail.Rcode])
	}
}

// rounded cuts a duration to what an operator wants to read.
func rounded(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
