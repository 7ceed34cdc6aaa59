package probe

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/watch"
)

// Watched is a Prober of a check with watch. It keeps the connection of a probe
// that succeeded open until the next one has succeeded, and tells when the peer
// ends it. That proves nothing about the target, and it is not probed over that
// connection; it is a reason to look.
//
// A connection is thus hardly ever idle for longer than the check's interval, which
// most servers bear; of the others watch.Patience learns.
type Watched struct {
	prober Prober
	poller *watch.Poller

	mu       sync.Mutex
	rouse    func() // nil while not watching
	line     line   // nil while there is none
	watch    *watch.Watch
	since    time.Time      // when line became idle
	failed   bool           // a probe has failed since: the peer may be gone without a word
	ended    *time.Duration // how long a line was idle that the peer has ended, for the next probe
	patience watch.Patience
}

// line is a connection that is kept open.
type line interface {
	// heed takes in what the peer has sent, and calls rouse where that is a reason to
	// look. After an error, the connection is of no use any more.
	heed(rouse func()) error
	conn() *conn
}

// Watched returns the prober of check for addr that keeps a connection open. At
// most as many connections are kept open as poller allows; beyond that there is
// none.
func (k *Kit) Watched(poller *watch.Poller, check *model.Check, addr netip.Addr) (*Watched, error) {
	p, err := k.Prober(check, addr)
	return &Watched{prober: p, poller: poller}, err
}

// Watch calls rouse whenever there is a reason to look, until Unwatch.
func (w *Watched) Watch(rouse func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse = rouse
}

// Unwatch closes the connection, and keeps none open from now on.
func (w *Watched) Unwatch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse = nil
	w.drop()
}

// Watching reports whether a connection is open.
func (w *Watched) Watching() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.line != nil
}

// Probe executes the check once, as Prober does.
func (w *Watched) Probe(ctx context.Context) (connect time.Duration, err error) {
	e := w.prober.execution()
	var ended *time.Duration
	e.keep, ended = w.begin()
	err = e.run(ctx)
	if err != nil {
		w.fail()
	} else if w.wants(ended) {
		w.keepOpen(ctx, &e)
	}
	e.abandon()
	return e.connect, e.judged(err)
}

// begin reports whether the connection of a probe is to be left open, and how long
// the line was idle that the peer has ended since the last probe. A gRPC call's
// connection is of no use: there another is opened, and not anew for every probe, but
// for one that follows a failure.
func (w *Watched) begin() (keep bool, ended *time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ended, w.ended = w.ended, nil
	return w.rouse != nil && w.prober.plan.check.Type != model.GRPC, ended
}

// fail notes that a probe has failed: the peer may be gone without a word, and its
// connection of no use.
func (w *Watched) fail() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = true
}

// wants reports whether a line should be opened after a probe that succeeded. If
// the peer has ended one before and is well, it does not bear idle connections for
// longer; where it is not, it has died, and nothing is to be learned.
func (w *Watched) wants(ended *time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ended != nil {
		w.patience.Ended(*ended, w.prober.plan.check.Schedule.Interval)
	}
	if w.rouse == nil || w.line != nil && w.prober.plan.check.Type == model.GRPC && !w.failed {
		return false
	}
	return w.patience.Keep()
}

// keepOpen makes a line of what the probe has left open, or of a call that tells
// of changes.
func (w *Watched) keepOpen(ctx context.Context, e *execution) {
	opened, err := e.line(ctx)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.patience.Ended(0, w.prober.plan.check.Schedule.Interval)
		return
	}
	if !w.hold(opened) {
		_ = opened.conn().Close()
	}
}

// hold puts a line in the place of the one before.
func (w *Watched) hold(l line) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rouse == nil {
		return false
	}
	if w.line != nil && watch.Enough(time.Since(w.since), w.prober.plan.check.Schedule.Interval) {
		w.patience.Lasted()
	}
	w.drop()
	watching, err := w.poller.Watch(l.conn().socket(), func() { w.heed(l) })
	if err != nil {
		return false
	}
	w.line, w.watch, w.since, w.failed = l, watching, time.Now(), false
	return true
}

// drop closes the line, if there is one.
func (w *Watched) drop() {
	if w.line == nil {
		return
	}
	w.watch.Stop()
	_ = w.line.conn().Close()
	w.line, w.watch = nil, nil
}

// heed runs when there is something to read from l.
func (w *Watched) heed(l line) {
	rouse := w.rouses()
	if ended := w.heeded(l, l.heed(rouse)); ended {
		rouse()
	}
}

// rouses returns what to call where there is a reason to look.
func (w *Watched) rouses() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rouse == nil {
		return func() {}
	}
	return w.rouse
}

// heeded waits for more on l, or gives it up. It reports whether the peer has ended
// it.
func (w *Watched) heeded(l line, err error) (ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line != l {
		return false // another has taken its place
	}
	if err == nil {
		err = w.watch.Again()
	}
	if err != nil {
		w.ended = new(time.Since(w.since))
		w.drop()
	}
	return err != nil
}
