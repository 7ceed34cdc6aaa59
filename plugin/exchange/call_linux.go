package exchange

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coredns-failover/failover/plugin/queue"
)

// Call is an exchange under way.
type Call struct {
	// Stage and Connect are for the handler's methods. Connect is how long the peer
	// took to accept the connection, 0 before it has.
	Stage   Stage
	Connect time.Duration

	// Read-only once it has started.
	loop    *Loop
	handler Handler
	manner  Manner
	peer    netip.AddrPort
	started time.Duration // since began
	tag     uint64        // of its events

	socket int // or -1; of the loop's goroutine, once it has started

	// Under the loop's lock.
	place queue.Place // among the deadlines
	err   error       // that it is to end with early
}

// Place is for the queue of deadlines only.
func (c *Call) Place() *queue.Place { return &c.place }

// Cancel ends the exchange with context.Canceled, unless it has ended. It does not
// wait for that.
func (c *Call) Cancel() {
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	c.loop.end(c, context.Canceled)
}

// What a call waits for. It is told of each once.
const (
	answered  = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	connected = unix.EPOLLOUT | answered
)

// waitsFor are the flags of the call's stage.
func (c *Call) waitsFor() uint32 {
	if c.Stage == Waiting {
		return answered
	}
	return connected
}

// begin begins to connect. A peer that is near has accepted the connection by then,
// and gets its request without an event.
func (c *Call) begin() error {
	err := c.dial()
	if err != nil || !c.manner.Answer {
		return err
	}
	dialled := time.Since(began)
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	*room = c.handler.Request((*room)[:0])
	if len(*room) == 0 {
		return nil
	}
	switch err := c.send(*room); {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case c.met():
		return unix.ECONNREFUSED
	}
	c.Connect, c.Stage = max(1, dialled-c.started), Waiting
	return nil
}

// rooms are for requests.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// dial opens a socket that connects.
func (c *Call) dial() error {
	family, to := sockaddr(c.peer)
	socket, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.socket = socket
	if c.manner.Reset {
		if err := unix.SetsockoptLinger(socket, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			return err
		}
	}
	if err := unix.Connect(socket, to); !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	return nil
}

func sockaddr(peer netip.AddrPort) (family int, to unix.Sockaddr) {
	if peer.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(peer.Port()), Addr: peer.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(peer.Port()), Addr: peer.Addr().As16()}
}

// handle takes in that something has happened to the connection.
func (c *Call) handle(events uint32, room []byte) {
	if c.Stage == Connecting && !c.connect(events, room) {
		return
	}
	if events&^unix.EPOLLOUT != 0 {
		c.read(room)
	}
}

// connect sends the request once there is a connection; it reports whether an
// answer is to come.
func (c *Call) connect(events uint32, room []byte) bool {
	if err := c.refused(events); err != nil {
		c.done(nil, err)
		return false
	}
	if events&unix.EPOLLOUT == 0 {
		return false
	}
	c.Connect, c.Stage = max(1, time.Since(began)-c.started), Sending
	if err := c.send(c.handler.Request(room[:0])); err != nil {
		n, _ := unix.Read(c.socket, room) // it may have answered, and hung up
		c.done(room[:max(n, 0)], err)
		return false
	}
	if !c.manner.Answer {
		c.done(nil, nil)
		return false
	}
	c.Stage = Waiting
	return true
}

// refused returns why there is no connection.
func (c *Call) refused(events uint32) error {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		code, err := unix.GetsockoptInt(c.socket, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		return err
	}
	if c.met() {
		return unix.ECONNREFUSED
	}
	return nil
}

// met reports whether the connection has met itself: where the peer is a port of
// this machine that nobody listens on, the kernel may choose it for our end.
func (c *Call) met() bool {
	us, err := unix.Getsockname(c.socket)
	if err != nil {
		return false
	}
	switch us := us.(type) {
	case *unix.SockaddrInet4:
		return us.Port == int(c.peer.Port()) && us.Addr == c.peer.Addr().As4()
	case *unix.SockaddrInet6:
		return us.Port == int(c.peer.Port()) && us.Addr == c.peer.Addr().As16()
	}
	return false
}

func (c *Call) send(request []byte) error {
	if len(request) == 0 {
		return nil
	}
	n, err := unix.Write(c.socket, request)
	if err == nil && n < len(request) {
		return io.ErrShortWrite
	}
	return err
}

func (c *Call) read(room []byte) {
	n, err := unix.Read(c.socket, room)
	switch {
	case errors.Is(err, unix.EAGAIN):
	case err != nil:
		c.done(nil, err)
	case n == 0:
		c.done(nil, io.EOF)
	default:
		c.done(room[:n], nil)
	}
}

func (c *Call) done(answer []byte, err error) {
	if c.loop.forget(c) {
		c.handler.Done(c, answer, err)
		c.Close()
	}
}

// Close closes the connection. It is for Done, to close before it is done.
func (c *Call) Close() {
	if c.socket >= 0 {
		_ = unix.Close(c.socket) // nothing of it is of interest any more
		c.socket = -1
	}
}

// Detach hands the connection over to the handler, in Done.
func (c *Call) Detach() (net.Conn, error) {
	c.loop.detach(c)
	file := os.NewFile(uintptr(c.socket), "exchange")
	c.socket = -1
	conn, err := net.FileConn(file)
	return conn, cmp.Or(err, file.Close())
}
