package engine

import (
	"context"
	"fmt"
	"time"
)

// result is what one probe found.
type result struct {
	outcome Outcome
	err     error
	connect time.Duration
	started time.Time
	took    time.Duration
	delay   time.Duration // of its start
	period  uint32        // of the guard, in which the probe started
}

// found is the result of a probe that ends now.
func found(connect time.Duration, err error, started time.Time, timeout time.Duration) result {
	ended := time.Now()
	return result{
		outcome: classify(err, started, ended, timeout),
		err:     err, connect: connect,
		started: started, took: ended.Sub(started),
	}
}

// shielded protects the process from a prober that panics: a bug in one check
// must not take the cluster's DNS down.
func shielded(ctx context.Context, p Prober) (connect time.Duration, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked{fmt.Errorf("the probe panicked: %v", r)}
		}
	}()
	return p.Probe(ctx)
}

// start puts the first probe down for an instant.
func (c *Check[O]) start(due time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owners.none() {
		c.begun = true
		c.watch()
		c.wake(due)
	}
}

// fire runs when the check is due.
func (c *Check[O]) fire() { c.lane().run(c) }

// lane returns the budget that the next probe is subject to.
func (c *Check[O]) lane() *budget[O] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hangs {
		return &c.hub.hangs
	}
	return &c.hub.answers
}

// probe begins a probe, which leaves the lane when it has ended and sees to the
// next; it reports false where the check has been released. A probe never overlaps
// itself: the next is put down only when one has ended.
func (c *Check[O]) probe(lane *budget[O]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owners.none() {
		return false
	}
	c.hub.running.Add(1)
	c.flight = &flight[O]{check: c, lane: lane, due: c.due}
	c.flight.start()
	return true
}

// take takes a result in and returns what follows from it, to be called once and
// by whoever may wait; nil is nothing.
func (c *Check[O]) take(r result) (report func()) {
	c.turn.Lock()
	tell, ok := c.finish(r)
	if ok {
		c.settings.observe(r)
	}
	if tell == nil {
		c.turn.Unlock()
		return nil
	}
	return func() {
		defer c.turn.Unlock()
		tell()
	}
}

// finish ends a probe and returns what there is to report, to be called without
// mu, or nil; false where the check has been released meanwhile.
func (c *Check[O]) finish(r result) (report func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flight = nil
	if c.owners.none() {
		return nil, false
	}
	before := c.stands()
	c.probed, c.took, c.err = c.hub.since(r.started), r.took, r.err
	c.hangs = 2*r.took >= c.settings.Schedule.Timeout
	c.recent.add(r.outcome, r.took)
	if r.outcome != Late {
		c.broken = r.outcome == Broken
	}
	if c.counts(r) {
		c.count(r)
	}
	c.settleAlarm(before.verdict)
	return c.reports(before, r.err), true
}

// again puts the next probe down for the later of its due time and now.
func (c *Check[O]) again(r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owners.none() {
		return
	}
	now := c.hub.now()
	due := c.next(r)
	if due < now || c.hurried {
		due = now
	}
	c.hurried = false
	c.wake(due)
}

// next returns when the probe is due that follows one. Nobody hurries who waits for
// the guard.
func (c *Check[O]) next(r result) time.Duration {
	started := c.hub.since(r.started)
	if soon := c.alarm.after(); soon > 0 && c.need == 0 {
		return started + soon
	}
	return c.settings.Schedule.next(started, c.pace(r.outcome))
}

// wake puts the next probe down for an instant.
func (c *Check[O]) wake(due time.Duration) {
	c.due = due
	c.expect(due)
	c.hub.timetable.add(c, due)
}
