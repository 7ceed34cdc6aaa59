// Package notify tells receivers of transitions: it posts them as CloudEvents, in
// order, and tries again until they are taken in. Where an answer gets lost, a
// receiver gets a batch twice, with the same ids. Nothing that a receiver does, or
// fails to do, delays who publishes.
package notify

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/status"
)

// Config says whom to tell.
type Config struct {
	// Settings are those of one receiver. Their paths are absolute.
	Settings model.Notify
	// Source names who tells: a URI reference as CloudEvents have it, such as
	// "//ns1.example.org/failover".
	Source string
	// Observe counts what becomes of events; nil if nobody does. It is called by
	// who publishes and by the Notifier's goroutine, at once, and must not block.
	Observe func(Outcome, int)
	// Report gets the error that deliveries fail with, nil when one succeeds again,
	// and nothing in between; and at last how many events were not delivered before
	// the end. It is called by New and by the Notifier's goroutine; nil if nobody
	// listens. The URL is in no error, since it may hold a secret.
	Report func(error)
}

// Outcome is what became of events.
type Outcome int

// The outcomes.
const (
	Delivered Outcome = iota // the receiver took them in
	Retried                  // an attempt failed; there will be another
	Dropped                  // nobody will hear of them
)

// String returns the outcome as metrics have it.
func (o Outcome) String() string { return [...]string{"delivered", "retried", "dropped"}[o] }

// Notifier tells one receiver.
type Notifier struct {
	// Read-only after New.
	observe func(Outcome, int)
	report  func(error)
	source  string
	queue   *queue
	closing chan struct{}
	changed chan struct{} // holds whether the receiver has changed since the last attempt
	done    chan struct{} // closed when the goroutine has ended
	abort   context.CancelFunc

	receiver atomic.Pointer[receiver]
	once     sync.Once // closes closing
	failing  bool      // what was reported last; of the goroutine
}

// New starts a Notifier. Its error is about the configuration. Files that can not
// be read are not: they are reported, and read again for each attempt.
func New(c Config) (*Notifier, error) {
	r, err := newReceiver(c.Settings)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(c.Source); err != nil || c.Source == "" {
		return nil, fmt.Errorf("the source %q is no URI reference", c.Source)
	}
	n := newNotifier(c)
	n.receiver.Store(&r)
	n.tell(r.check())
	n.start(func(ctx context.Context, b batch) reply { return n.receiver.Load().send(ctx, b) })
	return n, nil
}

// Configure has what is not yet delivered, and all that follows, posted with other
// settings, which begin with the next attempt: at once. The URL stays the same.
func (n *Notifier) Configure(settings model.Notify) {
	r, err := newReceiver(settings)
	if before := n.receiver.Load(); err != nil || before.settings == settings {
		return
	}
	n.receiver.Store(&r)
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

func newNotifier(c Config) *Notifier {
	n := &Notifier{
		observe: c.Observe,
		report:  c.Report,
		source:  c.Source,
		queue:   newQueue(),
		closing: make(chan struct{}),
		changed: make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	if n.observe == nil {
		n.observe = func(Outcome, int) {}
	}
	if n.report == nil {
		n.report = func(error) {}
	}
	return n
}

func (n *Notifier) start(send sender) {
	ctx, abort := context.WithCancel(context.Background())
	n.abort = abort
	go n.run(ctx, send)
}

// Publish tells of transitions, in order. It never blocks: where more than 10,000
// wait, the oldest are dropped.
func (n *Notifier) Publish(ts ...status.Transition) {
	if dropped := n.queue.put(time.Now(), ts); dropped > 0 {
		n.observe(Dropped, dropped)
	}
}

// Queued returns how many events are not yet delivered.
func (n *Notifier) Queued() int { return n.queue.size() }

// Close delivers what is queued, at once and until ctx ends, which it must some
// day, and drops the rest. What is published from now on is dropped.
func (n *Notifier) Close(ctx context.Context) {
	n.queue.close()
	n.once.Do(func() { close(n.closing) })
	select {
	case <-n.done:
	case <-ctx.Done():
	}
	n.abort()
	<-n.done
}
