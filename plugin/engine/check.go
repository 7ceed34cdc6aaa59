package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// Prober runs one probe. A nil error is a healthy target; any other says why it
// is not, in words for the operator. connect is how long the endpoint took to
// answer the attempt to connect, 0 where that is not known. A probe ends when
// ctx does.
//
// An error with a method Broken() bool that returns true says that the probe
// could not run on this machine, which says nothing about the target; neither
// does one with a method Early() bool that returns true.
type Prober interface {
	Probe(ctx context.Context) (connect time.Duration, err error)
}

// Spec is what makes a check.
type Spec[O any] struct {
	Prober Prober
	// Settings may be shared by any number of checks.
	Settings *Settings
	// Start is where the check starts: what is known of the check in whose place
	// this one stands. The zero value is for a check that nothing is known of.
	Start Start
}

// Start is what a check is known by before its first probe.
type Start struct {
	Verdict verdict.Verdict
	Since   time.Time // when the verdict began
	AsOf    time.Time // when it was last known to be true
}

// Settings say when a check is probed and how its results count.
type Settings struct {
	Schedule  Schedule
	Threshold verdict.Threshold
	// Observe is told of every probe. It may be nil.
	Observe func(Probed)
}

// Probed is what there is to observe of a probe.
type Probed struct {
	Outcome Outcome
	Took    time.Duration
	Delay   time.Duration // from when it was due to its start
}

func (s *Settings) observe(r result) {
	if s.Observe != nil {
		s.Observe(Probed{r.outcome, r.took, r.delay})
	}
}

// Status is what is known of a check.
type Status struct {
	Verdict verdict.Verdict
	Broken  bool          // it could not run on this machine
	Since   time.Time     // when the verdict began
	AsOf    time.Time     // when a probe last agreed with it; zero before there is one
	Probed  time.Time     // when the last probe started; zero before the first
	Took    time.Duration // that it took
	Err     error         // what it found; nil is healthy
}

// Check is one check in the engine: what it has found, and when it looks again.
type Check[O comparable] struct {
	// Read-only after newCheck.
	prober   Prober
	settings *Settings
	hub      *hub[O]

	// For readers that take no lock.
	connect atomic.Int64  // a time.Duration
	horizon atomic.Int64  // a time.Duration since hub.began
	cell    atomic.Uint32 // the verdict

	need uint32 // under mu: the guard's probe that the check waits for; 0 where it does not

	// turn is held from taking a result in until it is reported, so that reports
	// come in order. The guard's results are taken in beside the check's own.
	turn sync.Mutex

	mu      sync.Mutex // never held while turn is waited for
	state   verdict.State
	period  uint32 // of the guard, in which the run began
	begun   bool   // it has been started
	hurried bool   // the next probe follows at once
	hangs   bool   // the last probe took most of its time
	broken  bool   // see Status, as for all that is not explained here
	alarm   alarm
	recent  recent
	err     error
	took    time.Duration
	since   time.Duration // instants, as due
	asOf    time.Duration
	probed  time.Duration
	due     time.Duration // when the next probe is to start

	// owners change while the engine is locked too, and then are never none, so that the
	// index may read them.
	owners owners[O]
	flight *flight[O] // the probe in flight, or nil
}

func newCheck[O comparable](s Spec[O], h *hub[O]) *Check[O] {
	c := &Check[O]{prober: s.Prober, settings: s.Settings, hub: h}
	now := h.now()
	c.since, c.asOf, c.probed = now, never, never
	c.horizon.Store(int64(now))
	c.adopt(s.Start)
	return c
}

// adopt has a check start with what is known, unless it knows that already.
func (c *Check[O]) adopt(s Start) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun || c.state.Verdict != verdict.Unknown || s.Verdict == verdict.Unknown {
		return
	}
	c.state.Verdict = s.Verdict
	shift := c.hub.shift(time.Now())
	c.asOf = c.hub.instant(s.AsOf, shift)
	if !s.Since.IsZero() {
		c.since = c.hub.instant(s.Since, shift)
	}
	c.cell.Store(uint32(s.Verdict))
}

// Verdict returns the verdict of now. It costs one atomic load.
func (c *Check[O]) Verdict() verdict.Verdict { return verdict.Verdict(c.cell.Load()) }

// Connect returns how long the endpoint takes to answer an attempt to connect,
// smoothed over the probes that succeeded; 0 before the first that could tell.
// It costs one atomic load.
func (c *Check[O]) Connect() time.Duration { return time.Duration(c.connect.Load()) }

// Status returns what is known now.
func (c *Check[O]) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	shift := c.hub.shift(time.Now())
	return Status{
		Verdict: c.state.Verdict, Broken: c.broken,
		Since: c.hub.told(c.since, shift), AsOf: c.hub.told(c.asOf, shift), Probed: c.hub.told(c.probed, shift),
		Took: c.took, Err: c.err,
	}
}

// isBroken is Status().Broken.
func (c *Check[O]) isBroken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}
