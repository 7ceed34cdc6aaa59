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

// run runs one probe.
func run(ctx context.Context, p Prober, timeout time.Duration) result {
	started := time.Now()
	connect, err := shielded(ctx, p)
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

// start lets the first probe begin after a while.
func (c *Check[O]) start(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.claims) > 0 {
		c.watch()
		c.due = c.hub.since(time.Now()) + after
		c.expect(c.due)
		c.timer = time.AfterFunc(after, c.fire)
	}
}

// fire runs when the check's timer fires.
func (c *Check[O]) fire() { c.hub.lane(c.hangs.Load()).run(c.probe) }

// probe runs one probe and sees to the next. A probe never overlaps itself:
// the timer is set only when one has ended.
func (c *Check[O]) probe() {
	ctx, delay, ok := c.begin()
	if !ok {
		return
	}
	defer c.hub.running.Done()
	period := c.hub.guard.period.Load()
	r := run(ctx, c.prober, c.settings.Schedule.Timeout)
	r.period, r.delay = period, delay
	c.take(r)
	c.again(r)
}

// begin prepares a probe, and returns by how much it is late; it reports false
// where the check has been released.
func (c *Check[O]) begin() (ctx context.Context, delay time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.claims) == 0 {
		return nil, 0, false
	}
	c.hub.running.Add(1)
	ctx, c.cancel = context.WithTimeout(context.Background(), c.settings.Schedule.Timeout)
	return ctx, c.hub.since(time.Now()) - c.due, true
}

// take takes a result in and reports what follows from it.
func (c *Check[O]) take(r result) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if report, ok := c.finish(r); ok {
		c.settings.observe(r)
		report()
	}
}

// finish ends a probe and returns what there is to report, to be called without
// mu; false where the check has been released meanwhile.
func (c *Check[O]) finish(r result) (report func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	c.cancel = nil
	if len(c.claims) == 0 {
		return nil, false
	}
	before := c.status
	c.status.Probed, c.status.Took, c.status.Err = r.started, r.took, r.err
	c.hangs.Store(2*r.took >= c.settings.Schedule.Timeout)
	c.recent.add(r.outcome, r.took)
	if r.outcome != Late {
		c.status.Broken = r.outcome == Broken
	}
	if c.counts(r) {
		c.count(r)
	}
	c.settleAlarm(before.Verdict)
	return c.reports(before, r.err), true
}

// again sets the timer for the next probe, at the later of its due time and
// now.
func (c *Check[O]) again(r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.claims) == 0 {
		return
	}
	now := c.hub.since(time.Now())
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

// wake sets the timer for the probe that is due at an instant.
func (c *Check[O]) wake(due time.Duration) {
	c.due = due
	c.expect(due)
	c.timer.Reset(due - c.hub.since(time.Now()))
}
