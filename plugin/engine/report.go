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

// stand is how a check stands, as far as it is reported.
type stand struct {
	verdict verdict.Verdict
	broken  bool
	since   time.Duration
}

func (c *Check[O]) stands() stand { return stand{c.state.Verdict, c.broken, c.since} }

// reports returns what there is to report about the way from before to how it stands
// now, or nil.
func (c *Check[O]) reports(before stand, reason error) func() {
	after := c.stands()
	if before.verdict == after.verdict && before.broken == after.broken {
		return nil
	}
	return c.tells(before, after, reason)
}

func (c *Check[O]) tells(before, after stand, reason error) func() {
	owners, err := c.owners.all(), c.err
	return func() {
		if after.broken && !before.broken {
			c.hub.reporter.Broken(owners, err)
		} else if before.broken && !after.broken {
			c.hub.reporter.Broken(owners, nil)
		}
		if after.verdict != before.verdict {
			c.hub.reporter.Transition(owners, Transition{
				From: before.verdict, To: after.verdict,
				Reason: reason, Held: after.since - before.since,
			})
		}
	}
}
