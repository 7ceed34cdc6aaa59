package failover

import (
	"slices"
	"time"
)

// A configuration begins with its claims, and may still fail to start with its
// instance; then the one before stays. Once the whole instance has started it
// serves, and what is not in caddy.Instances any more ends:
//
//	prepare -> begin -> serve -> retain (of the next)
//	   |         |
//	   +---------+-----> retain: it is gone

// serving returns the configuration whose answers are given, or nil: of those that
// have begun, the last one whose whole instance has started. While none has, that
// is the first.
func (h *healthchecks) serving() *configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range slices.Backward(h.configurations) {
		if c.hasStarted {
			return c
		}
	}
	if len(h.configurations) == 0 {
		return nil
	}
	return h.configurations[0]
}

// serves reports whether the handler is in the configuration whose answers are
// given.
func (f *Failover) serves() bool {
	return f.claims != nil && f.claims.configuration == healthcheck.serving()
}

// begun returns the configurations that have begun and not ended, oldest first.
func (h *healthchecks) begun() []*configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.configurations)
}

// begin lets a configuration take part, which has made its claims. Whether it will
// serve shows when its whole instance has started; the first does at once. No order
// comes between what it takes over here and its beginning.
func (h *healthchecks) begin(c, before *configuration) {
	h.beginning()
	h.steering.Lock()
	h.bring(c, before)
	records := before.records()
	for _, f := range c.handlers {
		for _, r := range f.records {
			r.takeForces()
			if old := records[r.key()]; old != nil {
				old.handOn(r)
			}
		}
	}
	h.mu.Lock()
	h.configurations = append(h.configurations, c)
	h.mu.Unlock()
	h.steering.Unlock()
	if before == nil {
		h.serve(c)
		return
	}
	for _, f := range c.handlers {
		h.update(f.records...)
	}
}

// serve makes a configuration the one whose answers are given. What it has that
// there can be only one of takes the place of what was there, and what it answers
// differently is told. That a restart goes on where the process before was is no
// news, and nothing to write. It happens once, if the configuration has not ended
// meanwhile.
func (h *healthchecks) serve(c *configuration) {
	if !h.takesOver(c) {
		return
	}
	restarted := c.memory != nil
	h.lastServed.Store(c)
	h.forgetSaid()
	h.guard()
	h.keep(c.settings().StateFile)
	if !restarted {
		h.changed()
	}
	c.operation.configure()
	for _, f := range c.handlers {
		for _, r := range update(f.records...) {
			if restarted {
				r.look()
			}
			r.tell()
		}
	}
}

// takesOver marks a configuration as started, and reports whether that is new.
func (h *healthchecks) takesOver(c *configuration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.hasStarted || !slices.Contains(h.configurations, c) {
		return false
	}
	c.hasStarted = true
	return true
}

// retain ends all configurations that are not live, and releases their claims.
func (h *healthchecks) retain(live func(*configuration) bool) {
	h.steering.Lock()
	ended := h.forget(live)
	h.steering.Unlock()
	for _, gone := range ended {
		gone.stop()
	}
	if h.serving() == nil {
		h.keep(nil) // with what was said to the last one
	}
	h.forgetSaid()
	h.guard()
	h.engine.Retain(func(o owner) bool { return h.knows(o.configuration()) })
	h.changed()
}

// forgetSaid forgets what was said about records and heartbeats that no
// configuration has any more.
func (h *healthchecks) forgetSaid() {
	begun := h.begun()
	gone := h.forces.retain(func(key forceKey) bool {
		return slices.ContainsFunc(begun, func(c *configuration) bool { return c.index().has(key) })
	})
	for _, f := range gone {
		if len(begun) == 0 {
			break // the process ends, or goes on without the plugin
		}
		log.Infof("%s: no longer %s, it is gone (by %s: %q)", f.key, f.State, f.By, f.Reason)
	}
	h.beats.retain(func(id string) bool {
		return slices.ContainsFunc(begun, func(c *configuration) bool { return c.index().waiting[id] != nil })
	})
}

// forget returns the configurations that are not live, which it no longer knows.
func (h *healthchecks) forget(live func(*configuration) bool) []*configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var kept, gone []*configuration
	for _, c := range h.configurations {
		if live(c) {
			kept = append(kept, c)
		} else {
			gone = append(gone, c)
		}
	}
	h.configurations = kept
	return gone
}

// knows reports whether a configuration has begun and not ended.
func (h *healthchecks) knows(c *configuration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.configurations, c)
}

// beginning returns when the first configuration began, which may be now.
func (h *healthchecks) beginning() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.began.IsZero() {
		h.began = time.Now()
	}
	return h.began
}
