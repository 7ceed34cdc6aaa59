package engine

import (
	"math/rand/v2"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// Schedule says when a check is probed.
type Schedule struct {
	Interval     time.Duration // while the verdict is settled
	FastInterval time.Duration // while a run of results could change it
	DownInterval time.Duration // while it is settled, and unhealthy
	Timeout      time.Duration // of one probe
	Jitter       int           // in percent of the interval, up and down
}

// at returns the time from the start of a probe to that of the next at a pace,
// without jitter.
func (s Schedule) at(p verdict.Pace) time.Duration {
	switch p {
	case verdict.Fast:
		return s.FastInterval
	case verdict.Down:
		return s.DownInterval
	default:
		return s.Interval
	}
}

// slot is the distance of the instants at which probes start that have the choice.
const slot = 50 * time.Millisecond

// next returns when the probe is due that follows one which started at an
// instant; both are counted from the beginning of the engine. Of the instants that
// jitter leaves it, it takes one at which others start too: to wake a thread for
// each probe would cost half as much again as the probe.
func (s Schedule) next(started time.Duration, p verdict.Pace) time.Duration {
	d := s.at(p)
	due := started + s.jittered(d)
	if s.most(d) < slot {
		return due
	}
	if shared := due.Truncate(slot); shared >= started+d-s.most(d) {
		return shared
	}
	return due.Truncate(slot) + slot
}

// soonest returns the shortest time between two probes of a run.
func (s Schedule) soonest() time.Duration { return s.FastInterval - s.most(s.FastInterval) }

// jittered moves d by up to Jitter percent, so that checks that fell into step
// drift apart again.
func (s Schedule) jittered(d time.Duration) time.Duration {
	most := int64(s.most(d))
	if most == 0 {
		return d
	}
	return d + time.Duration(rand.Int64N(2*most+1)-most)
}

// most is the most that d is moved by.
func (s Schedule) most(d time.Duration) time.Duration { return d * time.Duration(s.Jitter) / 100 }
