// Package watch tells when there is something to read from connections that are
// idle otherwise: mostly that the peer has ended them.
//
// On Linux all connections of a Poller have one epoll instance and one goroutine
// together, which the runtime's own poller wakes; a connection costs a Watch and an
// entry in a map. Elsewhere each has a goroutine, without a buffer.
package watch

import (
	"errors"
	"sync"
	"syscall"
)

// ErrFull is the error of a Poller that watches as many connections as it may.
var ErrFull = errors.New("as many connections are watched as may be")

// Poller watches connections. It has a goroutine only while there are any.
type Poller struct {
	limit int // read-only

	mu      sync.Mutex
	watches map[int]*Watch // by descriptor
	last    uint32         // the newest generation
	poll    poll
}

// New returns a Poller that watches at most limit connections at once.
func New(limit int) *Poller {
	return &Poller{limit: limit, watches: make(map[int]*Watch)}
}

// Watch is one connection that is watched.
type Watch struct {
	// Read-only once it is watched.
	poller     *Poller
	raw        syscall.RawConn
	descriptor int
	generation uint32 // tells it from others that had the descriptor
	ready      func()
}

// Watch calls ready, on a goroutine of its own, as soon as there is something to
// read from conn, or it has ended: once, and once more after each call of Again.
// Stop must be called before conn is closed.
func (p *Poller) Watch(conn syscall.Conn, ready func()) (*Watch, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &Watch{poller: p, raw: raw, ready: ready}
	if err := raw.Control(func(fd uintptr) { w.descriptor = int(fd) }); err != nil {
		return nil, err
	}
	return w, p.enter(w)
}

func (p *Poller) enter(w *Watch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.watches) >= p.limit {
		return ErrFull
	}
	p.last++
	w.generation = p.last
	if err := p.poll.add(p, w); err != nil {
		return err
	}
	p.watches[w.descriptor] = w
	return nil
}

// Stop ends the watch. A call of ready may still be under way.
func (w *Watch) Stop() {
	p := w.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watches[w.descriptor] != w {
		return
	}
	delete(p.watches, w.descriptor)
	p.poll.remove(w)
	if len(p.watches) == 0 {
		p.poll.close()
	}
}

// Again waits for more to read. It does nothing after Stop.
func (w *Watch) Again() error {
	p := w.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watches[w.descriptor] != w {
		return nil
	}
	return p.poll.again(w)
}

// Len returns how many connections are watched.
func (p *Poller) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.watches)
}
