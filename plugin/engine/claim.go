package engine

import "slices"

func (c *Check[O]) claim(owner O) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners.become(append(c.owners.all(), owner))
}

// release drops one claim and reports whether any is left; where none is, it
// stops the check.
func (c *Check[O]) release(owner O) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.owners.all()
	if i := slices.Index(all, owner); i >= 0 {
		c.owners.become(slices.Delete(all, i, i+1))
	}
	return c.goOn()
}

// retain drops the claims that are not live and reports whether any is left;
// where none is, it stops the check.
func (c *Check[O]) retain(live func(O) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners.become(slices.DeleteFunc(c.owners.all(), func(o O) bool { return !live(o) }))
	return c.goOn()
}

// goOn reports whether the check is claimed; it stops one that is not.
func (c *Check[O]) goOn() bool {
	if !c.owners.none() {
		return true
	}
	c.hub.timetable.drop(c, c.due)
	if c.flight != nil {
		c.flight.Cancel()
	}
	c.unwatch()
	return false
}
