package engine

import (
	"context"
	"runtime"
	"time"
)

// Starter is a Prober that can probe without a goroutine of its own.
type Starter interface {
	Prober
	// Start begins a probe that ends after timeout, and has landing told once, on
	// another goroutine, what it found. It does not wait. It returns nil where this
	// one needs a goroutine: nothing has begun then, and landing is not told.
	Start(timeout time.Duration, landing Landing) Canceller
}

// Landing is told how a probe has ended. It does not keep the caller waiting.
type Landing = interface {
	Landed(connect time.Duration, err error)
}

// Canceller ends a probe before its time.
type Canceller = interface{ Cancel() }

// cancelFunc is the Canceller of a probe with a context.
type cancelFunc context.CancelFunc

func (f cancelFunc) Cancel() { f() }

// flight is a probe under way.
type flight[O comparable] struct {
	Canceller
	check   *Check[O]
	lane    *budget[O] // that it is to leave
	due     time.Duration
	started time.Time
	period  uint32 // of the guard
}

// start starts the probe. The check is locked: it lands later.
func (f *flight[O]) start() {
	f.started, f.period = time.Now(), f.check.hub.guard.period.Load()
	timeout := f.check.settings.Schedule.Timeout
	if starter, ok := f.check.prober.(Starter); ok {
		if f.Canceller = starter.Start(timeout, f); f.Canceller != nil {
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	f.Canceller = cancelFunc(cancel)
	go f.run(ctx, cancel)
}

func (f *flight[O]) run(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	f.Landed(shielded(ctx, f.check.prober))
}

// Landed implements Landing. Reporters may take their time, and whoever lands probes
// does not wait for them.
func (f *flight[O]) Landed(connect time.Duration, err error) {
	r := f.result(connect, err)
	report := f.check.take(r)
	if report == nil {
		f.end(r)
		return
	}
	go func() {
		roomy()
		report()
		f.end(r)
	}()
}

// roomy makes room on the stack of a goroutine for all that a report takes. It would
// grow step by step, which takes a sixth of the time of a report.
//
//go:noinline
func roomy() {
	var room [7 << 10]byte
	runtime.KeepAlive(&room)
}

func (f *flight[O]) result(connect time.Duration, err error) result {
	r := found(connect, err, f.started, f.check.settings.Schedule.Timeout)
	r.period, r.delay = f.period, f.check.hub.since(f.started)-f.due
	return r
}

// end sees to the check's next probe, and to those that waited for this one.
func (f *flight[O]) end(r result) {
	f.check.again(r)
	f.lane.leave()
	f.check.hub.running.Done()
}
