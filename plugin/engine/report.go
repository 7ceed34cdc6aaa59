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
// status of now.
func (c *Check[O]) reports(before Status, reason error) func() {
	after, owners := c.status, c.owners(before)
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

// owners are copied only where there is something to tell them.
func (c *Check[O]) owners(before Status) []O {
	if before.Verdict == c.status.Verdict && before.Broken == c.status.Broken {
		return nil
	}
	owners := make([]O, len(c.claims))
	for i, cl := range c.claims {
		owners[i] = cl.owner
	}
	return owners
}
