package engine

import (
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// Transition is a change of a check's verdict.
type Transition struct {
	From, To verdict.Verdict
	// Reason is what the probe found that decided it; nil is healthy.
	Reason error
	// Held is how long From had held.
	Held time.Duration
}

// reports returns what there is to report about the way from before to the
// status of now, or nil.
func (c *Check[O]) reports(before Status, reason error) func() {
	after := c.status
	if before.Verdict == after.Verdict && before.Broken == after.Broken {
		return nil
	}
	return c.tells(before, after, reason)
}

func (c *Check[O]) tells(before, after Status, reason error) func() {
	owners := c.owners()
	return func() {
		if after.Broken && !before.Broken {
			c.hub.reporter.Broken(owners, after.Err)
		} else if before.Broken && !after.Broken {
			c.hub.reporter.Broken(owners, nil)
		}
		if after.Verdict != before.Verdict {
			c.hub.reporter.Transition(owners, Transition{
				From: before.Verdict, To: after.Verdict,
				Reason: reason, Held: after.Since.Sub(before.Since),
			})
		}
	}
}

// owners returns those of all claims, oldest first.
func (c *Check[O]) owners() []O {
	owners := make([]O, len(c.claims))
	for i, cl := range c.claims {
		owners[i] = cl.owner
	}
	return owners
}
