package engine

import (
	"context"
	"time"
)

// pause is the shortest time between two probes of the guard, however many
// checks wait for it one after the other.
const pause = 50 * time.Millisecond

// probe runs one probe of the guard that spec identifies, and sees to the next.
// It is not subject to the budget: when the uplink is lost, that is used up by
// probes that hang.
func (g *guard[O]) probe(spec *Spec[O]) {
	ctx, ok := g.begin(spec)
	if !ok {
		return
	}
	defer g.hub.running.Done()
	started := time.Now()
	connect, err := shielded(ctx, spec.Prober)
	r := found(connect, err, started, spec.Settings.Schedule.Timeout)
	g.take(spec, r)
	g.again(spec, r.outcome)
}

// begin prepares a probe. It reports false where that guard is no longer in
// place, or nothing is due: a timer that was moved may have fired already.
func (g *guard[O]) begin(spec *Spec[O]) (context.Context, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.spec != spec || g.cancel != nil || now.Before(g.started.Add(g.gap)) {
		return nil, false
	}
	g.hub.running.Add(1)
	g.probes++
	s := spec.Settings.Schedule
	g.started, g.gap = now, s.jittered(s.Interval)
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	g.cancel = cancel
	return ctx, true
}

// take takes a result in, reports it, and lets those checks fall that it
// confirms.
func (g *guard[O]) take(spec *Spec[O], r result) {
	g.turn.Lock()
	defer g.turn.Unlock()
	found, ok := g.finish(spec, r)
	if !ok {
		return
	}
	spec.Settings.observe(r)
	if found.changed {
		g.hub.reporter.Guard(found.state, r.err)
	}
	confirm(found.confirmed)
}

// finding is what follows from one of the guard's results.
type finding[O comparable] struct {
	state     GuardState
	changed   bool
	confirmed []waiter[O]
}

// finish takes a result in; it reports false where the guard has been replaced
// or taken away meanwhile.
//
//	result     becomes    checks that wait                next probe
//	success    passing    fall, if they did at its start  at the interval
//	failure    failing    start anew                      at the fast interval
//	broken     the same   fall: there is no guard         at the interval
//	late       as before  wait on                         at the fast interval
func (g *guard[O]) finish(spec *Spec[O], r result) (f finding[O], ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.spec != spec {
		return f, false
	}
	g.cancel()
	switch r.outcome {
	case Success:
		f.changed = g.become(GuardPassing)
		f.confirmed = g.past(g.probes)
	case Failure:
		f.changed = g.become(GuardFailing)
		g.waiting = nil
	case Broken:
		f.changed = g.become(GuardBroken)
		f.confirmed = g.past(g.probes + 1)
	}
	f.state = g.state
	return f, true
}

// again sets the timer for the next probe.
func (g *guard[O]) again(spec *Spec[O], o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.spec != spec {
		return
	}
	g.cancel = nil
	if o == Failure || o == Late {
		g.gap = min(g.gap, spec.Settings.Schedule.FastInterval)
	}
	if len(g.waiting) > 0 {
		g.gap = min(g.gap, pause)
	}
	g.arm()
}

// within brings the next probe forward.
func (g *guard[O]) within(gap time.Duration) {
	if gap >= g.gap {
		return
	}
	g.gap = gap
	if g.cancel == nil {
		g.arm()
	}
}

func (g *guard[O]) arm() { g.timer.Reset(max(0, time.Until(g.started.Add(g.gap)))) }
