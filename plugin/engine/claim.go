package engine

import "slices"

type claim[O comparable] struct {
	gen   Generation
	owner O
}

func (c *Check[O]) claim(gen Generation, owner O) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims = append(c.claims, claim[O]{gen, owner})
}

// release drops one claim and reports whether any is left; where none is, it
// stops the check.
func (c *Check[O]) release(gone claim[O]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.claims, gone); i >= 0 {
		c.claims = slices.Delete(c.claims, i, i+1)
	}
	return c.goOn()
}

// retain drops the claims that are not live and reports whether any is left;
// where none is, it stops the check.
func (c *Check[O]) retain(live func(Generation) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims = slices.DeleteFunc(c.claims, func(cl claim[O]) bool { return !live(cl.gen) })
	return c.goOn()
}

// goOn reports whether the check is claimed; it stops one that is not.
func (c *Check[O]) goOn() bool {
	if len(c.claims) > 0 {
		return true
	}
	c.hub.timetable.drop(c, c.due)
	if c.cancel != nil {
		c.cancel.Cancel()
	}
	c.unwatch()
	return false
}
