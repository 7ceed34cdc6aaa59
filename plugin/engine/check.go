package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"
)

// Prober runs one probe. A nil error is a healthy target; any other says why it
// is not, in words for the operator. A probe ends when ctx does.
//
// An error with a method Broken() bool that returns true says that the probe
// could not run on this machine, which says nothing about the target.
type Prober interface {
	Probe(ctx context.Context) error
}

// Spec is what makes a check.
type Spec[O any] struct {
	Prober Prober
	// Settings may be shared by any number of checks.
	Settings *Settings
	// Verdict is where the check starts, and Since when that began: what is known
	// of the check in whose place this one stands. Zero values are for a check
	// that nothing is known of.
	Verdict verdict.Verdict
	Since   time.Time
}

// Settings say when a check is probed and how its results count.
type Settings struct {
	Schedule  Schedule
	Threshold verdict.Threshold
	// Observe is told the outcome of every probe. It may be nil.
	Observe func(Outcome, time.Duration)
}

// Status is what is known of a check.
type Status struct {
	Verdict verdict.Verdict
	Since   time.Time // when the verdict began
	Probed  time.Time // when the last probe started; zero before the first
	Err     error     // what it found; nil is healthy
	Broken  bool      // it could not run on this machine
}

// Transition is a change of a check's verdict.
type Transition struct {
	From, To verdict.Verdict
	// Reason is what the last probe found; nil is healthy.
	Reason error
	// Held is how long From had held.
	Held time.Duration
}

// Check is one check in the engine: what it has found, and when it looks again.
type Check[O any] struct {
	// Read-only after newCheck.
	prober   Prober
	settings *Settings
	reporter Reporter[O]
	budget   *budget
	running  *sync.WaitGroup

	// cell is the verdict, for readers that take no lock.
	cell atomic.Uint32

	mu     sync.Mutex
	state  verdict.State
	status Status
	claims []claim[O]
	timer  *time.Timer        // nil until started
	cancel context.CancelFunc // of the probe in flight, or nil
}

type claim[O any] struct {
	gen   Generation
	owner O
}

func newCheck[O any](s Spec[O], r Reporter[O], b *budget, running *sync.WaitGroup) *Check[O] {
	c := &Check[O]{prober: s.Prober, settings: s.Settings, reporter: r, budget: b, running: running}
	c.status.Verdict, c.status.Since = s.Verdict, s.Since
	if s.Since.IsZero() {
		c.status.Since = time.Now()
	}
	c.state.Verdict = s.Verdict
	c.cell.Store(uint32(s.Verdict))
	return c
}

// Verdict returns the verdict of now. It costs one atomic load.
func (c *Check[O]) Verdict() verdict.Verdict { return verdict.Verdict(c.cell.Load()) }

// Status returns what is known now.
func (c *Check[O]) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *Check[O]) claim(gen Generation, owner O) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims = append(c.claims, claim[O]{gen, owner})
}

// retain drops the claims that are not live and reports whether any is left;
// where none is, it stops the check.
func (c *Check[O]) retain(live func(Generation) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims = slices.DeleteFunc(c.claims, func(cl claim[O]) bool { return !live(cl.gen) })
	if len(c.claims) > 0 {
		return true
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.cancel != nil {
		c.cancel()
	}
	return false
}

func (c *Check[O]) start(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.claims) > 0 {
		c.timer = time.AfterFunc(after, c.due)
	}
}

// due runs when the check's timer fires.
func (c *Check[O]) due() { c.budget.run(c.probe) }

// probe runs one probe and sees to the next. A probe never overlaps itself:
// the timer is set only when one has ended.
func (c *Check[O]) probe() {
	ctx, ok := c.begin()
	if !ok {
		return
	}
	defer c.running.Done()
	started := time.Now()
	err := run(ctx, c.prober)
	ended := time.Now()
	outcome := classify(err, started, ended, c.settings.Schedule.Timeout)
	report := c.finish(outcome, err, started, ended.Sub(started))
	if report == nil {
		return
	}
	report()
	c.again(outcome, started)
}

// begin prepares a probe; it reports false where the check has been released.
func (c *Check[O]) begin() (context.Context, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.claims) == 0 {
		return nil, false
	}
	c.running.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), c.settings.Schedule.Timeout)
	c.cancel = cancel
	return ctx, true
}

// run shields the process from a prober that panics: a bug in one check must
// not take the cluster's DNS down.
func run(ctx context.Context, p Prober) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked{fmt.Errorf("the probe panicked: %v", r)}
		}
	}()
	return p.Probe(ctx)
}

// finish takes a result in and returns what there is to report, to be called
// without the lock; nil where the check has been released meanwhile.
func (c *Check[O]) finish(o Outcome, err error, started time.Time, took time.Duration) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	c.cancel = nil
	if len(c.claims) == 0 {
		return nil
	}
	before := c.status
	c.status.Probed, c.status.Err = started, err
	if o != Late {
		c.status.Broken = o == Broken
	}
	if o == Success || o == Failure {
		c.state = c.state.After(o == Success, c.settings.Threshold)
	}
	if c.state.Verdict != before.Verdict {
		c.status.Verdict, c.status.Since = c.state.Verdict, time.Now()
		c.cell.Store(uint32(c.state.Verdict))
	}
	return c.reports(before, o, took)
}

func (c *Check[O]) reports(before Status, o Outcome, took time.Duration) func() {
	after, owners := c.status, c.owners(before)
	return func() {
		if c.settings.Observe != nil {
			c.settings.Observe(o, took)
		}
		if after.Broken && !before.Broken {
			c.reporter.Broken(owners, after.Err)
		} else if before.Broken && !after.Broken {
			c.reporter.Broken(owners, nil)
		}
		if after.Verdict != before.Verdict {
			c.reporter.Transition(owners, Transition{
				From: before.Verdict, To: after.Verdict,
				Reason: after.Err, Held: after.Since.Sub(before.Since),
			})
		}
	}
}

// owners are copied only where there is something to tell them.
func (c *Check[O]) owners(before Status) []O {
	if before.Verdict == c.status.Verdict && before.Broken == c.status.Broken {
		return nil
	}
	owners := make([]O, len(c.claims))
	for i, cl := range c.claims {
		owners[i] = cl.owner
	}
	return owners
}

// again sets the timer for the next probe, at the later of its due time and
// now.
func (c *Check[O]) again(o Outcome, started time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.claims) > 0 {
		due := started.Add(c.settings.Schedule.next(c.state, o))
		c.timer.Reset(max(0, time.Until(due)))
	}
}
