package engine

import "slices"

func (c *Check[O]) claim(owner O) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners = append(c.owners, owner)
}

// release drops one claim and reports whether any is left; where none is, it
// stops the check.
func (c *Check[O]) release(owner O) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.owners, owner); i >= 0 {
		c.owners = slices.Delete(c.owners, i, i+1)
	}
	return c.goOn()
}

// retain drops the claims that are not live and reports whether any is left;
// where none is, it stops the check.
func (c *Check[O]) retain(live func(O) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners = slices.DeleteFunc(c.owners, func(o O) bool { return !live(o) })
	return c.goOn()
}

// goOn reports whether the check is claimed; it stops one that is not.
func (c *Check[O]) goOn() bool {
	if len(c.owners) > 0 {
		return true
	}
	c.hub.timetable.drop(c, c.due)
	if c.flight != nil {
		c.flight.Cancel()
	}
	c.unwatch()
	return false
}
