package notify

import (
	"crypto/rand"
	"strconv"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

const (
	// maxQueued bounds the events of a receiver, those of the batch under way
	// included: about 5 MB.
	maxQueued = 10_000
	// maxBatch bounds the events of one request: about 250 kB.
	maxBatch = 500
	// maxWait is how long the first event of a batch waits for others: a failure
	// seldom comes alone.
	maxWait = time.Second
)

// event is a transition on its way.
type event struct {
	id         string
	queued     time.Time
	transition status.Transition
}

// queue holds the events that wait.
type queue struct {
	prefix string        // of ids: makes them unique beyond this process
	wake   chan struct{} // holds whether a batch may be due sooner than it was

	mu     sync.Mutex
	events []event
	last   uint64 // the number of the last event
	taken  int    // how many are under way
	closed bool
}

func newQueue() *queue {
	return &queue{prefix: rand.Text() + "-", wake: make(chan struct{}, 1)}
}

// put appends transitions and returns how many events are dropped for that: the
// oldest ones that wait. Those under way stay, for the receiver may have seen
// them already.
func (q *queue) put(now time.Time, ts []status.Transition) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return len(ts)
	}
	for _, t := range ts {
		q.last++
		q.events = append(q.events, event{q.prefix + strconv.FormatUint(q.last, 10), now, t})
	}
	dropped = max(0, len(q.events)+q.taken-maxQueued)
	q.events = q.events[dropped:]
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return dropped
}

// due returns how long the next batch should wait for more events, and whether
// there is one.
func (q *queue) due(now time.Time) (wait time.Duration, waiting bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.events) == 0:
		return 0, false
	case len(q.events) >= maxBatch || q.closed:
		return 0, true
	}
	return max(0, maxWait-now.Sub(q.events[0].queued)), true
}

// take returns the events of the next batch, which are under way until the next
// call.
func (q *queue) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = min(len(q.events), maxBatch)
	batch := q.events[:q.taken:q.taken]
	q.events = q.events[q.taken:]
	if len(q.events) == 0 {
		q.events = nil // a crowd's memory goes with it
	}
	return batch
}

// settle ends what is under way.
func (q *queue) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = 0
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) + q.taken
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// drain takes all events and returns how many they were.
func (q *queue) drain() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.events)
	q.events = nil
	return n
}
