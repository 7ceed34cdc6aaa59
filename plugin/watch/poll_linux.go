package watch

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// poll is an epoll instance, or none while nothing is watched. It is used under
// the Poller's lock.
type poll struct {
	file *os.File
}

// once: an event disarms its connection, so that nobody is told twice of what has
// not been read yet.
const once = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT

func (l *poll) add(p *Poller, w *Watch) error {
	if l.file == nil {
		if err := l.open(p); err != nil {
			return err
		}
	}
	return l.control(unix.EPOLL_CTL_ADD, w)
}

func (l *poll) again(w *Watch) error { return l.control(unix.EPOLL_CTL_MOD, w) }

// remove cannot fail in a way that matters: a descriptor that is closed is gone.
func (l *poll) remove(w *Watch) { _ = l.control(unix.EPOLL_CTL_DEL, w) }

func (l *poll) control(op int, w *Watch) error {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	event := unix.EpollEvent{Events: once, Fd: int32(w.descriptor), Pad: w.generation}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.EpollCtl(int(fd), op, w.descriptor, &event) })
	return errors.Join(err, failed)
}

// open makes an epoll instance that is itself waited for like any other file, so
// that waiting takes no thread.
func (l *poll) open(p *Poller) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return errors.Join(fmt.Errorf("epoll: %w", err), unix.Close(fd))
	}
	l.file = os.NewFile(uintptr(fd), "epoll")
	go p.loop(l.file)
	return nil
}

// close ends the loop.
func (l *poll) close() {
	_ = l.file.Close()
	l.file = nil
}

// loop hands out events until file is closed.
func (p *Poller) loop(file *os.File) {
	raw, err := file.SyscallConn()
	if err != nil {
		return // it has been closed already
	}
	var events [64]unix.EpollEvent
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			var failed error
			n, failed = unix.EpollWait(int(fd), events[:], 0)
			return n > 0 || failed != nil
		})
		if err != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			p.tell(e)
		}
	}
}

// tell starts the callback of an event, unless its watch has been stopped.
func (p *Poller) tell(e unix.EpollEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.watches[int(e.Fd)]; w != nil && w.generation == e.Pad {
		go w.ready()
	}
}
