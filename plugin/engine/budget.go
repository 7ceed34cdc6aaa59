package engine

import "sync"

// budget bounds the probes in flight. A probe over it is put off until another
// ends, in order; it waits without a goroutine, and its timeout begins only
// when it starts, so that waiting says nothing about the target.
type budget[O comparable] struct {
	mu      sync.Mutex
	free    int
	waiting []*Check[O]
}

// run probes a check now if the budget allows; else it puts the probe off.
func (b *budget[O]) run(c *Check[O]) {
	if b.enter(c) && !c.probe(b) {
		b.leave()
	}
}

func (b *budget[O]) enter(c *Check[O]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free == 0 {
		b.waiting = append(b.waiting, c)
		return false
	}
	b.free--
	return true
}

// leave gives the place of a probe that has ended to what has waited longest.
func (b *budget[O]) leave() {
	c := b.next()
	for c != nil && !c.probe(b) {
		c = b.next()
	}
}

// next returns the check that has waited longest and now has the caller's place,
// or nil.
func (b *budget[O]) next() *Check[O] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.free++
		return nil
	}
	c := b.waiting[0]
	b.waiting[0] = nil
	b.waiting = b.waiting[1:]
	return c
}
