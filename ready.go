package failover

import (
	"slices"
	"time"
)

// readyAfter is when the process is ready whatever it knows.
const readyAfter = 10 * time.Second

// Ready implements ready.Readiness. The ready plugin keeps one handler for all
// server blocks, so each speaks for all; and it asks again after every reload,
// but a process that has been ready stays so.
func (f *Failover) Ready() bool { return healthcheck.isReady() }

// isReady reports whether every check has had a verdict, and every name been
// resolved, or they have had enough time for that, once since the process began.
func (h *healthchecks) isReady() bool {
	if h.ready.Load() {
		return true
	}
	h.mu.Lock()
	began := h.began
	h.mu.Unlock()
	if began.IsZero() || (h.wondering() && time.Since(began) < readyAfter) {
		return false
	}
	h.ready.Store(true)
	return true
}

// wondering reports whether there is a check without a verdict, or a target of
// which nobody knows yet what it stands for.
func (h *healthchecks) wondering() bool {
	if h.engine.Stats().Unknown > 0 {
		return true
	}
	serving := h.serving()
	return serving != nil && slices.ContainsFunc(serving.handlers, (*Failover).unresolved)
}

func (f *Failover) unresolved() bool {
	return slices.ContainsFunc(f.records, func(r *record) bool {
		return r.targets.any((*target).unresolved)
	})
}
