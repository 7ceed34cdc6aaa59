package probe

import (
	"context"
	"net"
	"time"
)

// conn is a connection that ends with a context.
type conn struct {
	*net.TCPConn
	untie func() bool
}

// dial connects to address, which is "host:port", and ties the connection to
// ctx: at its deadline, or as soon as it is cancelled, whatever reads from or
// writes to the connection returns. A host name is resolved anew each time, by
// Go's own resolver: it needs no thread while it waits, and can be cancelled.
func (p *plan) dial(ctx context.Context, address string) (*conn, error) {
	dialer := net.Dialer{
		KeepAlive: -1, // no probe lives long enough
		Resolver:  &net.Resolver{PreferGo: true},
	}
	opened, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, p.failure(ctx, connecting, err)
	}
	return tie(ctx, opened.(*net.TCPConn)), nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

func tie(ctx context.Context, opened *net.TCPConn) *conn {
	// Neither call can fail in a way that the next read does not show.
	if deadline, ok := ctx.Deadline(); ok {
		_ = opened.SetDeadline(deadline)
	}
	untie := context.AfterFunc(ctx, func() { _ = opened.SetDeadline(longAgo) })
	return &conn{TCPConn: opened, untie: untie}
}

// Close closes the connection and takes it off the context.
func (c *conn) Close() error {
	c.untie()
	return c.TCPConn.Close()
}
