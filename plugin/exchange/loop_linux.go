package exchange

import (
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coredns-failover/failover/plugin/epoll"
	"github.com/coredns-failover/failover/plugin/queue"
)

// linger is how long a Loop without an exchange waits for the next before it ends
// its goroutine.
const linger = 200 * time.Millisecond

// most is how much of an answer is handed over, and how long a request may be.
const most = 64 << 10

// Loop runs exchanges. The zero value is ready for use. It has a goroutine only
// while there are exchanges, and a moment longer.
type Loop struct {
	mu        sync.Mutex
	epoll     *epoll.Epoll // nil while there is no goroutine
	calls     map[uint64]*Call
	last      uint64             // the newest tag
	deadlines queue.Queue[*Call] // of calls
	over      []*Call            // that are to end early
	until     time.Duration      // when the goroutine looks at deadlines and over
	emptied   time.Duration      // when there was no call any more
}

// began is what instants are counted from.
var began = time.Now()

// never is when the goroutine looks where nothing has been put down.
const never = time.Duration(1<<63 - 1)

// Start begins an exchange with peer, an address without a zone. It returns nil where
// that cannot be done here; h is not called then. It does not wait, and h is not
// called before it returns.
func (l *Loop) Start(peer netip.AddrPort, m Manner, h Handler) *Call {
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	c := &Call{loop: l, handler: h, manner: m, peer: peer, started: time.Since(began), socket: -1}
	err := c.begin()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open() {
		c.Close()
		return nil
	}
	l.enter(c, err)
	return c
}

// open sees to the goroutine.
func (l *Loop) open() bool {
	if l.epoll != nil {
		return true
	}
	opened, err := epoll.Open()
	if err != nil {
		return false
	}
	l.epoll, l.calls, l.until = opened, make(map[uint64]*Call), never
	go l.run(opened)
	return true
}

// enter takes a call in that has begun to connect, or failed to.
func (l *Loop) enter(c *Call, err error) {
	l.last++
	c.tag = l.last
	l.calls[c.tag] = c
	deadline := c.started + c.manner.Timeout
	l.deadlines.Set(c, deadline)
	l.look(deadline)
	if err == nil {
		err = l.epoll.Add(c.socket, c.waitsFor(), c.tag)
	}
	if err != nil {
		l.end(c, err)
	}
}

// end has the goroutine end a call with err.
func (l *Loop) end(c *Call, err error) {
	if l.calls[c.tag] == c && c.err == nil {
		c.err = err
		l.over = append(l.over, c)
		l.look(0)
	}
}

// look has the goroutine look at deadlines and over at an instant at the latest.
func (l *Loop) look(at time.Duration) {
	if at < l.until {
		l.until = at
		l.epoll.Until(began.Add(at))
	}
}

// run handles events until there has been no call for a while.
func (l *Loop) run(e *epoll.Epoll) {
	var buffer [128]unix.EpollEvent
	room := make([]byte, most)
	for {
		events, _ := e.Wait(buffer[:]) // nothing but until ends it: only we close e
		for _, event := range events {
			if c := l.find(epoll.Tag(event)); c != nil {
				c.handle(event.Events, room)
			}
		}
		for c, err := l.due(); c != nil; c, err = l.due() {
			c.done(nil, err)
		}
		if l.idle() {
			return
		}
	}
}

func (l *Loop) find(tag uint64) *Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[tag]
}

// due returns a call that is to end, and why; nil where there is none.
func (l *Loop) due() (*Call, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.over); n > 0 {
		c := l.over[n-1]
		l.over = l.over[:n-1]
		return c, c.err
	}
	c, _ := l.deadlines.Take(time.Since(began))
	return c, os.ErrDeadlineExceeded
}

// idle reports whether the goroutine is to end; else it puts down when to look next.
func (l *Loop) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(began)
	if now < l.until || len(l.over) > 0 {
		return false
	}
	l.until = never
	if next, ok := l.deadlines.Next(); ok {
		l.look(next)
		return false
	}
	if now < l.emptied+linger {
		l.look(l.emptied + linger)
		return false
	}
	l.epoll.Close()
	l.epoll = nil
	return true
}

// forget takes a call out that is at its end; it reports false where it is out
// already.
func (l *Loop) forget(c *Call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[c.tag] != c {
		return false
	}
	delete(l.calls, c.tag)
	l.deadlines.Remove(c)
	if len(l.calls) == 0 {
		l.emptied = time.Since(began)
		l.look(l.emptied + linger)
	}
	return true
}

// detach forgets the connection of a call.
func (l *Loop) detach(c *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoll.Remove(c.socket)
}
