// Package engine runs checks: it decides when each is probed, turns results
// into verdicts, and keeps both across configurations. It knows nothing of what
// a probe does, of Corefiles, metrics or logs.
//
// An idle check is a timer and a few words of state; a goroutine exists only
// while its probe runs.
package engine

import (
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// spread is the distance between the first probes of checks that start
// together: at most one second per thousand checks.
const spread = time.Millisecond

// Generation is the number that tags the claims of one configuration. Each
// configuration has one of its own, which is never used again.
type Generation uint64

// Reporter is told what changes. It is called without any lock held, and
// before the check's next probe, so that one check's reports come in order.
type Reporter[O any] interface {
	// Transition says that a check's verdict changed. owners are those of all
	// claims on it, oldest first.
	Transition(owners []O, t Transition)
	// Broken says that a check cannot run on this machine, and why; with a nil
	// error, that it runs again.
	Broken(owners []O, err error)
}

// Engine holds the checks of a process. K identifies a check by everything
// that matters to its result: two checks that differ in anything must differ in
// K, or they would spoil each other's counters. O owns a claim, and is handed
// back when the verdict changes.
type Engine[K comparable, O any] struct {
	// Read-only after New.
	reporter Reporter[O]

	budget  budget
	running sync.WaitGroup // probes in flight

	mu     sync.Mutex
	checks map[K]*Check[O]
	fresh  []*Check[O] // claimed, but not started
}

// New returns an engine without checks that runs at most limit probes at once.
func New[K comparable, O any](limit int, r Reporter[O]) *Engine[K, O] {
	return &Engine[K, O]{
		reporter: r,
		budget:   budget{free: limit},
		checks:   make(map[K]*Check[O]),
	}
}

// Claim returns the check that key identifies and keeps it for gen. A check
// that another generation has claimed goes on untouched, and spec is ignored; a
// new one waits for Start.
func (e *Engine[K, O]) Claim(gen Generation, owner O, key K, spec Spec[O]) *Check[O] {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.checks[key]
	if !ok {
		c = newCheck(spec, e.reporter, &e.budget, &e.running)
		e.checks[key] = c
		e.fresh = append(e.fresh, c)
	}
	c.claim(gen, owner)
	return c
}

// Start begins to probe what has been claimed since the last Start, with the
// first probes spread evenly over one second per thousand checks.
func (e *Engine[K, O]) Start() {
	e.mu.Lock()
	fresh := e.fresh
	e.fresh = nil
	e.mu.Unlock()
	for i, c := range fresh {
		c.start(time.Duration(i) * spread)
	}
}

// Retain releases every claim of a generation that is not live. A check
// without claims stops: a probe in flight is cancelled, and its result dropped.
func (e *Engine[K, O]) Retain(live func(Generation) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, c := range e.checks {
		if !c.retain(live) {
			delete(e.checks, key)
		}
	}
}

// Wait blocks until no probe is in flight. Call it when everything has been
// released, to leave no goroutine behind.
func (e *Engine[K, O]) Wait() { e.running.Wait() }

// Stats counts the checks of an engine.
type Stats struct {
	Checks  int // in all
	Unknown int // without a verdict
	Broken  int // that cannot run on this machine
}

// Stats returns the counts of now.
func (e *Engine[K, O]) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Stats{Checks: len(e.checks)}
	for _, c := range e.checks {
		if c.Verdict() == verdict.Unknown {
			s.Unknown++
		}
		if c.Status().Broken {
			s.Broken++
		}
	}
	return s
}
