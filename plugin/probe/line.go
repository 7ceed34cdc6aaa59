package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// errUnkept is why there is no line: the server does not keep connections open.
var errUnkept = errors.New("the server ends connections by itself")

// line returns the connection that is to be kept open after a probe that
// succeeded.
func (e *execution) line(ctx context.Context) (line, error) {
	if e.check.Type == model.GRPC {
		return e.openStream(ctx)
	}
	if e.kept == nil {
		return nil, errUnkept
	}
	opened := e.kept
	e.kept = nil
	opened.release()
	return &silence{opened: opened, left: maxHeaders}, nil
}

// end closes a connection of the probe, but for the one that may be kept open.
func (e *execution) end(c *conn) {
	if c != e.kept {
		_ = c.Close()
	}
}

// spare leaves a connection open that the probe is done with, if it is the first.
func (e *execution) spare(c *conn) {
	if e.keep && e.kept == nil {
		e.kept = c
	}
}

// abandon closes what the probe has left open and nobody wants.
func (e *execution) abandon() {
	if e.kept != nil {
		_ = e.kept.Close()
		e.kept = nil
	}
}

// silence is a line on which nothing is said. What its peer says all the same, TLS
// or not, is thrown away: the rest of a body, session tickets, a farewell. One that
// does not stop is not idle.
type silence struct {
	opened *conn
	left   int // how many bytes may come yet
}

func (s *silence) conn() *conn { return s.opened }

// errChatty is why a line is given up on which there is always something to read.
var errChatty = errors.New("more than 64 KiB on an idle connection")

// moment is how long something may take that is known to be there.
const moment = 20 * time.Millisecond

func (s *silence) heed(func()) error {
	var thrown [512]byte
	n, err := s.opened.readSoon(thrown[:])
	if s.left -= n; s.left < 0 {
		return errChatty
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil // a false alarm
	}
	return err
}

// readSoon reads what is there.
func (c *conn) readSoon(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(moment)); err != nil {
		return 0, err
	}
	return c.Read(b)
}

// release takes a connection off the probe that has opened it.
func (c *conn) release() {
	c.untie()
	_ = c.SetDeadline(time.Time{}) // what fails here fails when it is read from
}

// socket is the connection as the kernel knows it.
func (c *conn) socket() *net.TCPConn { return c.Conn.(*net.TCPConn) }
