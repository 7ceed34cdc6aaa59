package engine

import "time"

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

// rouse probes at once, and goes on in short steps until the verdict is settled.
// That there is something to look at is no result in itself.
func (c *Check[O]) rouse() {
	c.mu.Lock()
	c.roused = true
	c.mu.Unlock()
	c.Hurry()
}

// calm ends the short steps once no run of results is under way; that of a probe
// that began before the check was roused does not settle anything.
func (c *Check[O]) calm() {
	if c.state.Run == 0 && !c.hurried {
		c.roused = false
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
