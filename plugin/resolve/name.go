package resolve

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Name is one name that is kept resolved.
type Name struct {
	// Read-only after Add.
	resolver  *Resolver
	name      string
	threshold int
	changed   func(Change)
	timer     *time.Timer

	chain [2]leash // one per family
	state atomic.Pointer[State]

	mu        sync.Mutex
	busy      bool // it is being looked up, or waits for that
	stopped   bool
	cancel    context.CancelFunc // of the look-up in flight, or nil
	done      chan struct{}      // closed when busy ends; nil where nobody waits
	ended     time.Time          // when the last look-up did
	changes   []Change           // not reported yet
	reporting bool
}

// State returns what is known now. It costs one atomic load.
func (n *Name) State() State { return *n.state.Load() }

// Now is for a question about a name that is not known yet: it looks the name
// up at once and returns when that is done, or when ctx is, after 2 s at the
// latest. Any number of questions set off one look-up. It returns at once if
// the name is known, or if the last look-up has ended less than 1 s ago.
func (n *Name) Now(ctx context.Context) {
	done := n.hurry() //nolint:contextcheck // the look-up outlives the question: others wait for it too
	if done == nil {
		return
	}
	patience := time.NewTimer(lookupTime)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// hurry sees to it that n is being looked up, and returns what is closed when
// that is done; nil where there is nothing to wait for.
func (n *Name) hurry() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped || n.state.Load().Known && !n.busy {
		return nil
	}
	if !n.busy {
		if !n.ended.IsZero() && time.Since(n.ended) < soonest {
			return nil
		}
		n.busy = true
		n.arm()
		n.resolver.running.Go(func() { n.resolver.queue.run(n) })
	}
	if n.done == nil {
		n.done = make(chan struct{})
	}
	return n.done
}

func (n *Name) start(after time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, s := time.Now(), n.State()
	if !s.due.After(now) {
		s.due = now.Add(after)
		n.state.Store(&s)
	}
	n.arm()
}

func (n *Name) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.State(); !s.Known && s.Err != nil {
		s.Err, n.ended = nil, time.Time{}
		n.state.Store(&s)
	}
}

func (n *Name) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	n.timer.Stop()
	if n.cancel != nil {
		n.cancel()
	}
}

// arm sets the timer for what comes next: the look-up, unless one is under way,
// or the moment when addresses expire, which does not wait for that.
func (n *Name) arm() {
	if n.stopped {
		return
	}
	s := n.state.Load()
	at := s.expiry(n.resolver.settings.Stale)
	if !n.busy && (at.IsZero() || s.due.Before(at)) {
		at = s.due
	}
	if at.IsZero() {
		n.timer.Stop()
		return
	}
	n.timer.Reset(max(0, time.Until(at)))
}

// wake runs when the timer fires.
func (n *Name) wake() {
	due, ok := n.woken()
	if !ok {
		return
	}
	defer n.resolver.running.Done()
	n.report()
	if due {
		n.resolver.queue.run(n)
	}
}

// woken lets addresses expire and reports whether n is to be looked up; it is
// not ok where n has been stopped.
func (n *Name) woken() (due, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return false, false
	}
	n.resolver.running.Add(1)
	now := time.Now()
	n.expire(now)
	if !n.busy && !now.Before(n.state.Load().due) {
		n.busy, due = true, true
	}
	n.arm()
	return due, true
}

func (n *Name) expire(now time.Time) {
	from := n.State()
	to := from.expired(n.resolver.settings.Stale, now)
	if len(to.Addrs) < len(from.Addrs) {
		n.publish(to, Change{Expired, from, to})
	}
}

// attempt looks n up once and sees to the next time. It never overlaps itself:
// busy ends only when all is done.
func (n *Name) attempt() {
	defer n.release()
	ctx, ok := n.begin()
	if !ok {
		return
	}
	n.finish(n.look(ctx))
	n.report()
}

// begin prepares a look-up; it is not ok where n has been stopped.
func (n *Name) begin() (context.Context, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	n.cancel = cancel
	return ctx, true
}

// look looks both families up at the same time, so that a server that never
// answers AAAA takes nothing from A.
func (n *Name) look(ctx context.Context) [2]finding {
	var found [2]finding
	var six sync.WaitGroup
	six.Go(func() { found[1] = n.find(ctx, 1) })
	found[0] = n.find(ctx, 0)
	six.Wait()
	return found
}

func (n *Name) find(ctx context.Context, i int) finding {
	a, err := Lookup(ctx, &n.chain[i], n.resolver.settings.Fallback, n.name, types[i])
	if err != nil {
		return finding{err: err}
	}
	return finding{addrs: addresses(a.RRs, types[i]), ttl: a.TTL}
}

// finish takes in what a look-up found.
func (n *Name) finish(found [2]finding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cancel()
	n.cancel = nil
	if n.stopped {
		return
	}
	now := time.Now()
	n.ended = now
	from := n.State()
	counts := now.Sub(n.resolver.settings.Began) >= grace
	to := from.after(found, n.threshold, counts, now)
	to.due = now.Add(to.delay(found, n.threshold))
	n.publish(to, changes(from, to)...)
	n.arm() // addresses expire in time, however long Changed takes
}

// publish puts a state in place and has the changes to it reported.
func (n *Name) publish(to State, changes ...Change) {
	n.state.Store(&to)
	if n.changed != nil {
		n.changes = append(n.changes, changes...)
	}
}

// release ends busy, and lets those go who waited for that.
func (n *Name) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy = false
	if n.done != nil {
		close(n.done)
		n.done = nil
	}
	n.arm()
}

// report tells of all changes. Another goroutine that already does so tells of
// the new ones too, so that a name's changes come in order.
func (n *Name) report() {
	for first := true; ; first = false {
		c, ok := n.next(first)
		if !ok {
			return
		}
		n.changed(c)
	}
}

// next returns the change to report next. first is set for a goroutine that is
// not reporting yet.
func (n *Name) next(first bool) (Change, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if first && n.reporting {
		return Change{}, false
	}
	n.reporting = len(n.changes) > 0 && !n.stopped
	if !n.reporting {
		n.changes = nil
		return Change{}, false
	}
	c := n.changes[0]
	n.changes = n.changes[1:]
	return c, true
}
