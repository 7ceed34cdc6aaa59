package probe

import (
	"context"
	"net"
	"net/http/httptrace"
	"net/netip"
	"time"
)

// conn is a connection that ends with a context.
type conn struct {
	net.Conn
	untie func() bool
}

// resolver looks up host names, anew each time: Go's own needs no thread while
// it waits, and can be cancelled.
var resolver = &net.Resolver{PreferGo: true}

// dial connects to address, which is "host:port", by TCP. The first time it
// notes how long that took, from the end of the lookup of host.
func (e *execution) dial(ctx context.Context, address string) (*conn, error) {
	start := time.Now()
	if _, err := netip.ParseAddrPort(address); err != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			DNSDone: func(httptrace.DNSDoneInfo) { start = time.Now() },
		})
	}
	opened, err := e.open(ctx, "tcp", address)
	if err == nil && e.connect == 0 {
		e.connect = time.Since(start)
	}
	return opened, err
}

// open opens a connection and ties it to ctx: at its deadline, or as soon as it
// is cancelled, whatever reads from or writes to the connection returns.
func (p *plan) open(ctx context.Context, network, address string) (*conn, error) {
	dialer := net.Dialer{
		KeepAlive: -1, // no probe lives long enough
		Resolver:  resolver,
	}
	opened, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, p.failure(ctx, connecting, err)
	}
	return &conn{Conn: opened, untie: tie(ctx, opened)}, nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// tie makes socket end with ctx, until the returned function is called.
func tie(ctx context.Context, socket interface{ SetDeadline(t time.Time) error }) (untie func() bool) {
	// Neither call can fail in a way that the next read does not show.
	if deadline, ok := ctx.Deadline(); ok {
		_ = socket.SetDeadline(deadline)
	}
	return context.AfterFunc(ctx, func() { _ = socket.SetDeadline(longAgo) })
}

// Close closes the connection and takes it off the context.
func (c *conn) Close() error {
	c.untie()
	return c.Conn.Close()
}

// resetOnClose makes the close of a TCP connection a reset.
func (c *conn) resetOnClose() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
}
