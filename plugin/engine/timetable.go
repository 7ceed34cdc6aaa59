package engine

import (
	"container/heap"
	"slices"
	"sync"
	"time"
)

// timetable says when checks are due, and lets them begin then. One timer serves
// all of them. Many are due at the same instant (Schedule.next), so it is a heap of
// instants, not of checks.
type timetable[O comparable] struct {
	hub *hub[O] // read-only after New

	mu       sync.Mutex
	instants instants // when some are due, or were until they were dropped
	due      map[time.Duration][]*Check[O]
	timer    *time.Timer // nil before the first check
}

// add puts a check down for an instant.
func (t *timetable[O]) add(c *Check[O], due time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	checks, ok := t.due[due]
	t.due[due] = append(checks, c)
	if ok {
		return
	}
	heap.Push(&t.instants, due)
	if t.instants[0] == due {
		t.arm()
	}
}

// drop takes a check out that is due at an instant, and reports whether it was in;
// else it is about to begin, or has begun.
func (t *timetable[O]) drop(c *Check[O], due time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.due[due], c)
	if i >= 0 {
		t.due[due] = slices.Delete(t.due[due], i, i+1)
	}
	return i >= 0
}

// arm sets the timer for the first instant.
func (t *timetable[O]) arm() {
	after := t.instants[0] - t.hub.now()
	if t.timer == nil {
		t.timer = time.AfterFunc(after, t.run)
		return
	}
	t.timer.Reset(after)
}

// run lets every check begin that is due.
func (t *timetable[O]) run() {
	for checks := t.next(); checks != nil; checks = t.next() {
		for _, c := range checks {
			c.fire()
		}
	}
}

// next takes those out that are due at the first instant; none where that is yet to
// come, and then it sets the timer.
func (t *timetable[O]) next() []*Check[O] {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.instants) > 0 {
		first := t.instants[0]
		if first > t.hub.now() {
			t.arm()
			return nil
		}
		heap.Pop(&t.instants)
		checks := t.due[first]
		delete(t.due, first)
		if len(checks) > 0 {
			return checks
		}
	}
	return nil
}

// instants is a heap.
type instants []time.Duration

func (in instants) Len() int           { return len(in) }
func (in instants) Less(i, j int) bool { return in[i] < in[j] }
func (in instants) Swap(i, j int)      { in[i], in[j] = in[j], in[i] }
func (in *instants) Push(x any)        { *in = append(*in, x.(time.Duration)) }

func (in *instants) Pop() any {
	last := len(*in) - 1
	gone := (*in)[last]
	*in = (*in)[:last]
	return gone
}
