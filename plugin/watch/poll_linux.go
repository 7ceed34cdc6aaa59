package watch

import (
	"golang.org/x/sys/unix"

	"github.com/coredns-failover/failover/plugin/epoll"
)

// poll is an epoll instance, or none while nothing is watched. It is used under
// the Poller's lock.
type poll struct {
	epoll *epoll.Epoll
}

// once: an event disarms its connection, so that nobody is told twice of what has
// not been read yet.
const once = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT

func (l *poll) add(p *Poller, w *Watch) error {
	if l.epoll == nil {
		opened, err := epoll.Open()
		if err != nil {
			return err
		}
		l.epoll = opened
		go p.loop(opened)
	}
	return l.epoll.Add(w.descriptor, once, w.tag())
}

func (l *poll) again(w *Watch) error { return l.epoll.Set(w.descriptor, once, w.tag()) }
func (l *poll) remove(w *Watch)      { l.epoll.Remove(w.descriptor) }

// close ends the loop.
func (l *poll) close() {
	l.epoll.Close()
	l.epoll = nil
}

// tag tells the watch's events from those of others that had its descriptor.
func (w *Watch) tag() uint64 { return uint64(uint32(w.descriptor)) | uint64(w.generation)<<32 }

// loop hands out events until e is closed.
func (p *Poller) loop(e *epoll.Epoll) {
	var buffer [64]unix.EpollEvent
	for {
		events, err := e.Wait(buffer[:])
		if err != nil {
			return
		}
		for _, event := range events {
			p.tell(epoll.Tag(event))
		}
	}
}

// tell starts the callback of a watch, unless that has been stopped.
func (p *Poller) tell(tag uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.watches[int(uint32(tag))]; w != nil && w.tag() == tag {
		go w.ready()
	}
}
