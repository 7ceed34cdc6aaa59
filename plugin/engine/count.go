package engine

import "github.com/coredns-failover/failover/plugin/verdict"

// counts reports whether a result says anything about the target. What was
// found while the guard failed does not, nor what overlaps such a period; runs
// start anew after it.
func (c *Check[O]) counts(r result) bool {
	now := c.hub.guard.period.Load()
	if c.period != now {
		c.period, c.state.Run, c.need = now, 0, 0
	}
	return r.period == now && !failing(now) && (r.outcome == Success || r.outcome == Failure)
}

// count takes a result in that says something. Success is never held back:
//
//	healthy,  Fall failures in a row, no guard
//	unknown  -----------------------------------------------> unhealthy
//	 |    ^                                                       ^
//	 |    |  success, or the guard fails                          |
//	 |    +------------------------------ waiting ----------------+
//	 |                                      ^      a probe of the guard succeeds
//	 +--------------------------------------+      that started meanwhile, or the
//	  Fall failures in a row, with a guard         latter breaks or is taken away
//
// The first failure of a run makes the guard look, so that a loss of the uplink
// is mostly known before any run is complete. A check that waits is probed on;
// the last failure of its run counts when the guard has spoken.
func (c *Check[O]) count(r result) {
	next := c.state.After(r.outcome == Success, c.settings.Threshold)
	switch {
	case r.outcome == Success:
		c.need = 0
		c.connect.Store(int64(verdict.Smooth(c.Connect(), r.connect)))
	case next.Verdict != c.state.Verdict:
		if c.waits(r.err) {
			return
		}
	case next.Run == 1:
		c.hub.guard.hurry()
	}
	c.settle(next)
}

// waits reports whether a check that is about to fall has to wait for the guard
// first.
func (c *Check[O]) waits(reason error) bool {
	if c.need == 0 {
		c.need = c.hub.guard.await(c, reason)
	}
	return c.need != 0
}

// confirm takes the failure in that the guard has confirmed, and reports what
// follows from it.
func (c *Check[O]) confirm(w waiter[O]) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if report := c.fall(w); report != nil {
		report()
	}
}

// fall returns what there is to report; nil where the check has been released, or
// its run has ended meanwhile.
func (c *Check[O]) fall(w waiter[O]) (report func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owners.none() || c.need != w.need || c.period != c.hub.guard.period.Load() {
		return nil
	}
	before := c.stands()
	c.need = 0
	c.settle(c.state.After(false, c.settings.Threshold))
	c.expect(c.probed)
	return c.reports(before, w.reason)
}

// settle makes a state the check's own.
func (c *Check[O]) settle(s verdict.State) {
	if s.Verdict != c.state.Verdict {
		c.since = c.hub.now()
		c.cell.Store(uint32(s.Verdict))
	}
	if s.Verdict != verdict.Unknown && s.Run == 0 {
		c.asOf = c.probed
	}
	c.state = s
}

// pace says how soon the check is probed again. A probe that ran late found
// nothing out, so it looks again soon; so does a check that waits.
func (c *Check[O]) pace(o Outcome) verdict.Pace {
	if o == Late || o == Early || c.need != 0 {
		return verdict.Fast
	}
	return c.state.Pace()
}
