package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Servers is an Asker over plain DNS: it asks one server after the other, each
// in an equal share of the time that is left (of 2 s, where ctx has no
// deadline), until one replies NOERROR or NXDOMAIN. It asks over UDP, and over
// TCP where that reply is truncated. The error says for each server what was
// wrong.
type Servers []netip.AddrPort

// Ask asks the servers. q must have one question.
func (s Servers) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	err := errors.New("no server to ask")
	for i, server := range s {
		reply, failure := askIn(ctx, len(s)-i, server.String(), q)
		if failure == nil {
			return reply, nil
		}
		failure = fmt.Errorf("%s: %w", server, failure)
		if i == 0 {
			err = failure
		} else {
			err = fmt.Errorf("%w; %w", err, failure)
		}
	}
	return nil, err
}

// askIn asks one server, in one of parts equal parts of the time left.
func askIn(ctx context.Context, parts int, server string, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := share(ctx, parts)
	defer cancel()
	reply, err := exchange(ctx, "udp", server, q)
	if err == nil && reply.Truncated {
		reply, err = exchange(ctx, "tcp", server, q)
	}
	if err != nil {
		return nil, reason(ctx, err)
	}
	return reply, fits(reply, q.Question[0].Name, q.Question[0].Qtype)
}

// exchange asks once, with an id and a port of its own: off-path attackers have
// to guess both (RFC 5452). It passes over what is no reply to the question.
func exchange(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()

	own := *q
	own.Id = dns.Id()
	conn := &dns.Conn{Conn: c, UDPSize: udpSize}
	if err := conn.WriteMsg(&own); err != nil {
		return nil, err
	}
	for {
		reply, err := conn.ReadMsg()
		if _, malformed := errors.AsType[*dns.Error](err); malformed {
			continue
		}
		if err != nil {
			return nil, err
		}
		if reply.Id == own.Id && repeats(reply, q.Question[0].Name, q.Question[0].Qtype) {
			return reply, nil
		}
	}
}

// reason leaves out the ports of a network error, which change each time. An
// ended ctx is the reason for whatever the connection says.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return plain(ctx.Err())
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
