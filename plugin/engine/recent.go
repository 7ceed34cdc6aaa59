package engine

import (
	"math"
	"time"
)

// Remembered is how many probes a check remembers the time of.
const Remembered = 32

// recent is how long the last probes took, in a ring of microseconds; those that
// failed are negative, and 0 is none.
type recent struct {
	took [Remembered]int32
	next uint8
}

func (r *recent) add(o Outcome, took time.Duration) {
	us := int32(min(max(1, took.Microseconds()), math.MaxInt32))
	switch o {
	case Failure:
		us = -us
	case Broken, Late, Early:
		return // they say nothing about the target
	}
	r.took[r.next] = us
	r.next = (r.next + 1) % Remembered
}

// Recent returns how long the last probes took that said something about the
// target, oldest first: at most Remembered, those that failed negative.
func (c *Check[O]) Recent() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []time.Duration
	for i := range Remembered {
		us := c.recent.took[(int(c.recent.next)+i)%Remembered]
		if us != 0 {
			all = append(all, time.Duration(us)*time.Microsecond)
		}
	}
	return all
}
