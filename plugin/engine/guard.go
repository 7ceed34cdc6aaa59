package engine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// GuardState is what the guard's last probe says about this server's uplink.
type GuardState uint8

// The states of the guard.
const (
	NoGuard      GuardState = iota // there is none
	GuardUnknown                   // it has not found anything out yet
	GuardPassing                   // the uplink works
	GuardFailing                   // it does not, so nothing changes
	GuardBroken                    // the guard cannot run on this machine, and counts for nothing
)

var guardStates = [...]string{
	NoGuard: "none", GuardUnknown: "unknown", GuardPassing: "passing", GuardFailing: "failing", GuardBroken: "broken",
}

// String returns the state's name.
func (s GuardState) String() string { return guardStates[s] }

// guard checks this server's own uplink, so that a server that lost its network
// does not take everything else for dead. There is one place for it in an
// engine, which may be empty.
//
// A guard has no threshold, its last probe is its state: a single failed probe
// cannot confirm anything, and one that was wrong about the uplink costs no more
// than a run. While it fails, results are dropped, and runs start anew
// afterwards. A check that has reached its threshold waits until a probe of the
// guard has succeeded that started later: were the uplink lost when the last
// failure of the run was found, that probe would fail too.
type guard[O comparable] struct {
	hub *hub[O] // read-only after New

	// period counts how often the guard began or ceased to fail: it is odd while
	// it fails. Checks compare periods instead of being told.
	period atomic.Uint32

	turn sync.Mutex // held from taking a result in until it is reported

	mu      sync.Mutex
	state   GuardState
	spec    *Spec[O]           // identifies the guard that is in place; nil for none
	probes  uint32             // started so far, by all guards that were in place
	started time.Time          // when the last of them did
	gap     time.Duration      // from then to the next
	timer   *time.Timer        // of the guard that is in place
	cancel  context.CancelFunc // of the probe in flight, or nil
	waiting []waiter[O]        // for a later probe, the longest first
}

// waiter is a check that has reached its threshold.
type waiter[O comparable] struct {
	check  *Check[O]
	need   uint32 // the first probe of the guard that started later
	reason error  // the failure that the guard is to confirm
}

// failing reports whether the guard fails in a period.
func failing(period uint32) bool { return period%2 == 1 }

// State returns the state of now.
func (g *guard[O]) State() GuardState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// set puts a guard in place. It starts where one before it that could tell has
// come to: a reload in the middle of a loss of the uplink changes nothing.
func (g *guard[O]) set(spec Spec[O]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stop()
	if g.state != GuardPassing && g.state != GuardFailing {
		g.become(GuardUnknown)
	}
	g.spec, g.started, g.gap = &spec, time.Time{}, 0
	g.timer = time.AfterFunc(0, func() { g.probe(&spec) })
}

// remove leaves the place empty: what waits need not wait any more.
func (g *guard[O]) remove() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stop()
	g.spec = nil
	g.become(NoGuard)
	if waiting := g.past(g.probes + 1); len(waiting) > 0 {
		g.hub.running.Go(func() { confirm(waiting) }) // it reports, and the caller may hold locks
	}
}

func (g *guard[O]) stop() {
	if g.spec == nil {
		return
	}
	g.timer.Stop()
	if g.cancel != nil {
		g.cancel()
		g.cancel = nil
	}
}

// become changes the state and reports whether it was another.
func (g *guard[O]) become(s GuardState) bool {
	was := g.state
	g.state = s
	if (was == GuardFailing) != (s == GuardFailing) {
		g.period.Add(1)
	}
	return was != s
}

// hurry lets the guard look soon, because a run of failures began somewhere: at
// once, but not faster than its fast interval.
func (g *guard[O]) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.spec != nil {
		g.within(g.spec.Settings.Schedule.FastInterval)
	}
}

// await enters a check that has reached its threshold and returns the first
// probe that can confirm it, or 0 where there is no guard to wait for.
func (g *guard[O]) await(c *Check[O], reason error) uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == NoGuard || g.state == GuardBroken {
		return 0
	}
	w := waiter[O]{check: c, need: g.probes + 1, reason: reason}
	g.waiting = append(g.waiting, w)
	g.within(pause)
	return w.need
}

// past takes out and returns the checks that wait for probe n or one before.
func (g *guard[O]) past(n uint32) []waiter[O] {
	later := slices.IndexFunc(g.waiting, func(w waiter[O]) bool { return w.need > n })
	if later < 0 {
		later = len(g.waiting)
	}
	past := g.waiting[:later:later]
	g.waiting = slices.Clone(g.waiting[later:])
	return past
}

// confirm lets the checks fall that still wait.
func confirm[O comparable](waiting []waiter[O]) {
	for _, w := range waiting {
		w.check.confirm(w)
	}
}
