package engine

import "sync"

// budget bounds the probes in flight. A probe over it is put off until another
// ends, in order; it waits without a goroutine, and its timeout begins only
// when it starts, so that waiting says nothing about the target.
type budget struct {
	mu      sync.Mutex
	free    int
	waiting []func()
}

// run calls probe now if the budget allows, and then whatever was put off
// meanwhile; else it puts probe off.
func (b *budget) run(probe func()) {
	if !b.enter(probe) {
		return
	}
	for probe != nil {
		probe()
		probe = b.leave()
	}
}

func (b *budget) enter(probe func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free == 0 {
		b.waiting = append(b.waiting, probe)
		return false
	}
	b.free--
	return true
}

// leave returns the probe that has waited longest and now has the caller's
// place, or nil.
func (b *budget) leave() func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.free++
		return nil
	}
	next := b.waiting[0]
	b.waiting = b.waiting[1:]
	return next
}
