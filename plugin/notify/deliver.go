package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// sender makes one attempt to deliver a batch.
type sender func(context.Context, batch) reply

// reply is what came of an attempt.
type reply struct {
	err   error         // nil: the receiver took the batch in
	final bool          // another attempt would find the same
	after time.Duration // the receiver asks for no other attempt before
}

// maxAfter bounds how long a receiver can ask for peace: it must not be the one
// who says how much is lost.
const maxAfter = 5 * time.Minute

// run delivers batch after batch until ctx ends, or n is closing and there is
// nothing left.
func (n *Notifier) run(ctx context.Context, send sender) {
	defer close(n.done)
	undelivered := 0
	for n.await(ctx) {
		undelivered += n.deliver(ctx, send, n.queue.take())
		n.queue.settle()
	}
	left := n.queue.drain()
	if left > 0 {
		n.observe(Dropped, left)
	}
	if undelivered += left; undelivered > 0 {
		n.report(fmt.Errorf("events that could not be delivered before the end: %d", undelivered))
	}
}

// await waits until a batch is due.
func (n *Notifier) await(ctx context.Context) bool {
	closing := n.closing
	for ctx.Err() == nil {
		wait, waiting := n.queue.due(time.Now())
		if waiting && wait == 0 {
			return true
		}
		if closing == nil {
			return false
		}
		var due <-chan time.Time // never
		if waiting {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-n.queue.wake:
		case <-closing:
			closing = nil // whatever there is by now, is all
		case <-ctx.Done():
		}
	}
	return false
}

// deliver attempts until the batch is settled. In between it waits for half a
// second, and then twice as long each time, up to half a minute, or for as long as
// the receiver asks. It returns how many events ctx has ended for.
func (n *Notifier) deliver(ctx context.Context, send sender, events []event) int {
	b, err := newBatch(n.source, events)
	if err != nil { // an event that JSON has no words for: nobody has a cure
		n.settle(Dropped, events, err)
		return 0
	}
	pauses, closing := newPauses(), n.closing
	for ctx.Err() == nil {
		select {
		case <-n.changed: // this attempt has it
		default:
		}
		r := send(ctx, b)
		switch {
		case r.err == nil:
			n.settle(Delivered, events, nil)
			return 0
		case r.final:
			n.settle(Dropped, events, r.err)
			return 0
		case ctx.Err() != nil:
			continue // that an attempt is aborted is no news
		}
		n.settle(Retried, events, r.err)
		select {
		case <-time.After(max(pauses.NextBackOff(), min(r.after, maxAfter))):
		case <-n.changed:
			pauses.Reset() // it may be repaired
		case <-closing:
			closing = nil // what time is left is for attempts
			pauses.Reset()
		case <-ctx.Done():
		}
	}
	n.observe(Dropped, len(events))
	return len(events)
}

// settle counts what became of an attempt, and reports it where that is news.
func (n *Notifier) settle(o Outcome, events []event, err error) {
	n.observe(o, len(events))
	n.tell(err)
}

// tell reports when deliveries start to fail and when they work again.
func (n *Notifier) tell(err error) {
	if failing := err != nil; failing != n.failing {
		n.failing = failing
		n.report(err)
	}
}

// newPauses returns the waits between attempts. Chance keeps servers that lost
// the same receiver from coming back in step.
func newPauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     500 * time.Millisecond,
		RandomizationFactor: 0.2,
		Multiplier:          2,
		MaxInterval:         30 * time.Second,
	}
}
