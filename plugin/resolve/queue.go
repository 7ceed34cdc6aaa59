package resolve

import "sync"

// queue bounds the look-ups in flight. A name over it waits for its turn, in
// order and without a goroutine; its deadline begins only when it starts.
type queue struct {
	mu      sync.Mutex
	free    int
	waiting []*Name
}

// run looks n up now if there is room, and then whatever has come to wait
// meanwhile; else n waits.
func (q *queue) run(n *Name) {
	if !q.enter(n) {
		return
	}
	for n != nil {
		n.attempt()
		n = q.leave()
	}
}

func (q *queue) enter(n *Name) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 {
		q.waiting = append(q.waiting, n)
		return false
	}
	q.free--
	return true
}

// leave returns the name that has waited longest and now has the caller's
// place, or nil.
func (q *queue) leave() *Name {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting = nil // a crowd's memory goes with it
		q.free++
		return nil
	}
	next := q.waiting[0]
	q.waiting = q.waiting[1:]
	return next
}
