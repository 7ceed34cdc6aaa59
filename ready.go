package failover

import "time"

// readyAfter is when the process is ready whatever it knows.
const readyAfter = 10 * time.Second

// Ready implements ready.Readiness. The ready plugin keeps one handler for all
// server blocks, so each speaks for all; and it asks again after every reload,
// but a process that has been ready stays so.
func (f *Failover) Ready() bool { return healthcheck.isReady() }

// isReady reports whether every check has had a verdict, or has had enough time
// for one, once since the process began.
func (h *healthchecks) isReady() bool {
	if h.ready.Load() {
		return true
	}
	h.mu.Lock()
	began := h.began
	h.mu.Unlock()
	if began.IsZero() || (h.engine.Stats().Unknown > 0 && time.Since(began) < readyAfter) {
		return false
	}
	h.ready.Store(true)
	return true
}
