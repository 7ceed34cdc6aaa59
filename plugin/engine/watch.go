package engine

import (
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// Watcher is a Prober that notices by itself when there may be something new to
// find.
type Watcher interface {
	// Watch has rouse called when there may be, on any goroutine.
	Watch(rouse func())
	// Unwatch ends that. It does not wait for a call that is under way.
	Unwatch()
	// Watching reports whether it would notice something now.
	Watching() bool
}

// Watching reports whether the check is watched, and would notice now that its
// peer ends.
func (c *Check[O]) Watching() (watched, now bool) {
	w, ok := c.prober.(Watcher)
	return ok, ok && w.Watching()
}

// step is the time between two probes of a check that was roused. Three of them
// that are refused take no more than 20 ms, with what it takes to notice.
const step = 8 * time.Millisecond

// doubt is the time from a probe that found nothing new to the one that makes sure
// of it: a process that dies closes its connections and its listeners one after the
// other, and what connects in between seems to succeed.
const doubt = 25 * time.Millisecond

// alarm is what a check makes of having been roused.
//
//	         roused          nothing new          nothing new
//	calm ------------> roused ----------> doubting ----------> calm
//	                     ^                    |
//	                     +--------------------+
//	                       a run has begun
//
// That there is something to look at is no result in itself.
type alarm uint8

const (
	calm alarm = iota
	roused
	doubting
)

// rouse probes at once, and goes on in short steps until the verdict is settled.
func (c *Check[O]) rouse() {
	c.mu.Lock()
	c.alarm = roused
	c.mu.Unlock()
	c.Hurry()
}

// settleAlarm takes in that a probe has ended; one that began before the check was
// roused settles nothing.
func (c *Check[O]) settleAlarm(before verdict.Verdict) {
	switch {
	case c.hurried || c.alarm == calm:
	case c.state.Run > 0:
		c.alarm = roused
	case c.alarm == roused && c.state.Verdict == before:
		c.alarm = doubting
	default:
		c.alarm = calm
	}
}

// after returns the time from the start of a probe to that of the next, or 0 where
// that is for the schedule to say.
func (a alarm) after() time.Duration {
	switch a {
	case roused:
		return step
	case doubting:
		return doubt
	default:
		return 0
	}
}

func (c *Check[O]) watch() {
	if w, ok := c.prober.(Watcher); ok {
		w.Watch(c.rouse)
	}
}

func (c *Check[O]) unwatch() {
	if w, ok := c.prober.(Watcher); ok {
		w.Unwatch()
	}
}
