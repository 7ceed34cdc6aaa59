// Package engine runs checks: it decides when each is probed, turns results
// into verdicts, and keeps both across configurations. It knows nothing of what
// a probe does, of Corefiles, metrics or logs.
//
// An idle check is a few words of state and a place in a timetable; a goroutine
// exists only while its probe runs, and not even then where the prober can do
// without (Starter).
package engine

import (
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// spread is the time that the first probe of each check takes up where many start
// together: one second per thousand checks.
const spread = time.Millisecond

// Owner is who has a claim on a check.
type Owner[K any] interface {
	comparable
	// Key identifies the check. It never changes, and must not call the engine.
	Key() K
}

// Reporter is told what changes. It may call the engine, but not wait for
// another report: those of one check come in order, one at a time, and before
// the check's next probe; so do those of the guard.
type Reporter[O any] interface {
	// Transition says that a check's verdict changed. owners are those of all
	// claims on it, oldest first.
	Transition(owners []O, t Transition)
	// Broken says that a check cannot run on this machine, and why; with a nil
	// error, that it runs again.
	Broken(owners []O, err error)
	// Guard says that the guard's state changed because of a probe: that it is
	// passing (err is nil), failing, or broken (err says why).
	Guard(s GuardState, err error)
}

// Engine holds the checks of a process. K identifies a check by everything
// that matters to its result: two checks that differ in anything must differ in
// K, or they would spoil each other's counters. O owns a claim, and is handed
// back when the verdict changes.
type Engine[K comparable, O Owner[K]] struct {
	hub hub[O]

	mu     sync.Mutex
	checks index[K, O]
	fresh  []*Check[O] // claimed, but not started
	guard  K           // counts only while there is a guard
}

// hub is what all checks of an engine have in common.
type hub[O comparable] struct {
	clock
	reporter  Reporter[O] // read-only after New
	timetable timetable[O]
	answers   budget[O]      // of probes of checks whose target answered the last time
	hangs     budget[O]      // of those that waited for it in vain, which keep no others waiting
	running   sync.WaitGroup // probes in flight
	guard     guard[O]
}

// New returns an engine without checks and guard. It runs at most limit probes at
// once of targets that took less than half of their timeout the last time, and
// half as many of others.
func New[K comparable, O Owner[K]](limit int, r Reporter[O]) *Engine[K, O] {
	e := &Engine[K, O]{checks: newIndex[K, O]()}
	e.hub.reporter, e.hub.began = r, time.Now()
	e.hub.answers.free, e.hub.hangs.free = limit, max(1, limit/2)
	e.hub.guard.hub, e.hub.timetable.hub = &e.hub, &e.hub
	e.hub.timetable.due = make(map[time.Duration][]*Check[O])
	return e
}

// Claim claims the check that the key of the owner, which is not the zero value,
// identifies, and returns it. A check that is claimed already goes on untouched,
// and spec is ignored; a new one waits for Start. Of several claims on a new one,
// the first that knows something of it says where it starts.
func (e *Engine[K, O]) Claim(owner O, spec Spec[O]) *Check[O] {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := owner.Key()
	if c := e.checks.find(key); c != nil {
		c.adopt(spec.Start)
		c.claim(owner)
		return c
	}
	c := newCheck(spec, &e.hub)
	c.claim(owner)
	e.checks.add(key, c)
	e.fresh = append(e.fresh, c)
	return c
}

// Start begins to probe what has been claimed since the last Start, whoever
// claimed it: fifty at once, and as many in each slot that follows, which is one
// second per thousand checks.
func (e *Engine[K, O]) Start() {
	e.mu.Lock()
	fresh := e.fresh
	e.fresh = nil
	e.mu.Unlock()
	now := e.hub.now()
	for i, c := range fresh {
		c.start(now + (time.Duration(i) * spread).Truncate(slot))
	}
}

// Release releases one claim. A check without claims stops: a probe in flight
// is cancelled, and its result dropped. What was not claimed is left alone.
func (e *Engine[K, O]) Release(owner O) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := owner.Key()
	if c := e.checks.find(key); c != nil && !c.release(owner) {
		e.checks.remove(key, c)
	}
}

// Retain releases every claim whose owner is not live, as Release does. live must not
// call the engine, nor a check.
func (e *Engine[K, O]) Retain(live func(O) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks.retain(func(c *Check[O]) bool { return c.retain(live) })
}

// Guard sets the check of this server's own uplink, or takes it away where spec
// is nil. A guard that stays the same goes on untouched. Of spec, the prober,
// Interval, FastInterval, Timeout, Jitter and Observe count.
func (e *Engine[K, O]) Guard(key K, spec *Spec[O]) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case spec == nil:
		e.hub.guard.remove()
	case e.hub.guard.State() == NoGuard || e.guard != key:
		e.guard = key
		e.hub.guard.set(*spec)
	}
}

// Wait blocks until no probe is in flight. Call it when everything has been
// released and the guard taken away, to leave no goroutine behind.
func (e *Engine[K, O]) Wait() { e.hub.running.Wait() }

// Stats counts the checks of an engine.
type Stats struct {
	Checks  int // in all
	Unknown int // without a verdict
	Broken  int // that cannot run on this machine
	Guard   GuardState
}

// Stats returns the counts of now.
func (e *Engine[K, O]) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Stats{Guard: e.hub.guard.State()}
	for c := range e.checks.all {
		s.Checks++
		if c.Verdict() == verdict.Unknown {
			s.Unknown++
		}
		if c.isBroken() {
			s.Broken++
		}
	}
	return s
}
