// Package epoll waits for many descriptors at once (epoll(7)), and takes no thread
// for it: an instance is itself waited for by the runtime's poller, like any other
// file. It exists on Linux only.
package epoll

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Epoll is an epoll instance. Nothing may be called after Close, but for a Wait that
// Close ends.
type Epoll struct {
	fd   int
	file *os.File
	raw  syscall.RawConn
}

// Open makes an instance.
func Open() (*Epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Epoll{fd, file, raw}, nil
}

// Close ends the instance and a Wait on it.
func (e *Epoll) Close() { _ = e.file.Close() }

// Add waits for flags of a descriptor; tag comes back with its events.
func (e *Epoll) Add(fd int, flags uint32, tag uint64) error {
	return e.control(unix.EPOLL_CTL_ADD, fd, flags, tag)
}

// Set does so for a descriptor that was added before.
func (e *Epoll) Set(fd int, flags uint32, tag uint64) error {
	return e.control(unix.EPOLL_CTL_MOD, fd, flags, tag)
}

// Remove ends what Add began. It cannot fail in a way that matters: a descriptor
// that is closed is gone.
func (e *Epoll) Remove(fd int) { _ = e.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (e *Epoll) control(op, fd int, flags uint32, tag uint64) error {
	return unix.EpollCtl(e.fd, op, fd, &unix.EpollEvent{Events: flags, Fd: int32(tag), Pad: int32(tag >> 32)})
}

// Until ends a Wait at an instant; in the past, at once.
func (e *Epoll) Until(deadline time.Time) {
	_ = e.file.SetReadDeadline(deadline) // fails only where the instance has been closed
}

// Wait waits for events and returns them in a part of buffer. It fails with
// os.ErrDeadlineExceeded at the instant of Until, and with another error when the
// instance has been closed.
func (e *Epoll) Wait(buffer []unix.EpollEvent) ([]unix.EpollEvent, error) {
	n := 0
	err := e.raw.Read(func(instance uintptr) bool {
		var failed error
		n, failed = unix.EpollWait(int(instance), buffer, 0)
		return n > 0 || failed != nil
	})
	return buffer[:max(n, 0)], err
}

// Tag returns what its descriptor was added with.
func Tag(e unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }
