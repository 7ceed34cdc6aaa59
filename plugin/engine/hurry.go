package engine

// Hurry probes at once, or as soon as the probe under way has ended, which may have
// looked already: somebody knows that there is something new to find.
func (c *Check[O]) Hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.begun || c.owners.none(): // it has not begun, or has ended
	case c.hub.timetable.drop(c, c.due):
		c.wake(c.hub.now())
	default:
		c.hurried = true
	}
}
