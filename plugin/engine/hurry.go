package engine

import "time"

// Hurry probes at once, if the check waits for its next probe: somebody knows that
// there is something new to find.
func (c *Check[O]) Hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil || len(c.claims) == 0 || !c.timer.Stop() {
		return // it has not begun, has ended, or is about to probe anyway
	}
	c.expect(time.Now())
	c.timer.Reset(0)
}
