package engine

import "time"

// Horizon returns the earliest instant at which the verdict could change: it
// does not change before. It may lie in the past, and does so while a result is
// due that could change the verdict at once. It costs one atomic load.
//
// Its place is told by the monotonic clock, like the probes are.
func (c *Check[O]) Horizon() time.Time {
	return c.hub.began.Add(time.Duration(c.horizon.Load()))
}

// expect moves the horizon, where the next probe does not start before due. Of
// the probes that a change takes, each starts a fast interval after the one
// before at the earliest, and the last may end at once. A check that waits may
// turn at any time.
func (c *Check[O]) expect(due time.Duration) {
	if c.need != 0 {
		due = c.probed
	}
	more := c.state.Left(c.settings.Threshold) - 1
	c.horizon.Store(int64(due + time.Duration(more)*c.settings.Schedule.soonest()))
}
