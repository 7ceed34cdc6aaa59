package admin

import "sync"

// events hands transitions to all who read them. Publishing never waits for a
// reader: one that has fallen behind is cut off, and does better to connect and
// to read everything anew.
type events struct {
	most   int // read-only: readers at once
	behind int // read-only: transitions that a reader may be behind

	mu      sync.Mutex
	last    uint64
	readers map[*reader]struct{} // nil once closed
}

// reader is one who reads transitions.
type reader struct {
	queue chan event
	cut   chan struct{} // closed when the reader is cut off
}

// event is a transition in JSON, numbered since the start of the process.
type event struct {
	id   uint64
	data []byte
}

func newEvents(most, behind int) *events {
	return &events{most: most, behind: behind, readers: make(map[*reader]struct{})}
}

// join returns a new reader, or false where there are too many.
func (e *events) join() (*reader, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.readers == nil || len(e.readers) >= e.most {
		return nil, false
	}
	r := &reader{queue: make(chan event, e.behind), cut: make(chan struct{})}
	e.readers[r] = struct{}{}
	return r, true
}

func (e *events) leave(r *reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.readers, r)
}

func (e *events) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.readers)
}

func (e *events) publish(data []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	for r := range e.readers {
		select {
		case r.queue <- event{e.last, data}:
		default:
			delete(e.readers, r)
			close(r.cut)
		}
	}
}

// close cuts all readers off, and lets none join.
func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r := range e.readers {
		close(r.cut)
	}
	e.readers = nil
}
