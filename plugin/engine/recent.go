package engine

import (
	"math"
	"time"
)

// Remembered is how many probes a check remembers the time of.
const Remembered = 24

// recent is how long the last probes took, in a ring; those that failed are
// negative, and 0 is none.
type recent struct {
	took [Remembered]brief
	next uint8
}

// brief is a duration in microseconds as the upper half of a float32, so exact to
// half a percent: there are tens of thousands of rings.
type brief uint16

func briefOf(us float32) brief { return brief((math.Float32bits(us) + 1<<15) >> 16) }

func (b brief) duration() time.Duration {
	us := math.Float32frombits(uint32(b) << 16)
	return time.Duration(us * float32(time.Microsecond))
}

func (r *recent) add(o Outcome, took time.Duration) {
	us := max(1, float32(took)/float32(time.Microsecond))
	switch o {
	case Failure:
		us = -us
	case Broken, Late, Early:
		return // they say nothing about the target
	}
	r.took[r.next] = briefOf(us)
	r.next = (r.next + 1) % Remembered
}

// Recent returns how long the last probes took that said something about the
// target, to half a percent, oldest first: at most Remembered, those that failed
// negative.
func (c *Check[O]) Recent() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []time.Duration
	for i := range Remembered {
		if took := c.recent.took[(int(c.recent.next)+i)%Remembered]; took != 0 {
			all = append(all, took.duration())
		}
	}
	return all
}
