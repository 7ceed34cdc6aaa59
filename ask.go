package failover

import (
	"context"
	"errors"
	"net"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"

	"github.com/miekg/dns"
)

// next is the handler of everything behind ours.
type next struct{ *Failover }

// ServeDNS implements plugin.Handler.
func (n next) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
}

// background asks a handler in order to resolve an alias. It implements
// resolve.Asker.
type background struct {
	handler plugin.Handler
	alias   *alias
}

// Ask implements resolve.Asker. What does not fit into a packet is asked for
// once more as over TCP, so that *forward* does so too.
func (b background) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	var records []*record
	for _, t := range b.alias.targets {
		records = append(records, t.record)
	}
	ctx = through(b.alias.handler.withServer(ctx), b.alias, records...)
	reply, err := askHandler(ctx, b.handler, nobody{overUDP}, q.Copy())
	if err == nil && reply.Truncated {
		return askHandler(ctx, b.handler, nobody{overTCP}, q)
	}
	return reply, err
}

// meetServer remembers the server from the first query that it passes on: without
// it, other plugins can not follow a CNAME out of their own data, and nothing
// else tells it to us. A query also shows that all plugins have started.
func (f *Failover) meetServer(ctx context.Context) {
	if f.resolver == nil || f.serving.Load() != nil {
		return
	}
	if server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server); ok && f.serving.CompareAndSwap(nil, server) {
		f.resolver.Start()
		f.resolver.Forget()
	}
}

// withServer returns a context as the server gives it to its plugins.
func (f *Failover) withServer(ctx context.Context) context.Context {
	ctx = metadata.ContextWithMetadata(ctx)
	if server := f.serving.Load(); server != nil {
		ctx = context.WithValue(ctx, dnsserver.Key{}, server)
		ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
	}
	return ctx
}

// foreground asks a handler for what a query needs. It implements
// resolve.Asker.
type foreground struct {
	handler plugin.Handler
	w       dns.ResponseWriter
	record  *record
}

// Ask implements resolve.Asker.
func (f foreground) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	return askHandler(through(ctx, nil, f.record), f.handler, f.w, q)
}

// askHandler returns what a handler answers, as a server would write it.
func askHandler(ctx context.Context, h plugin.Handler, w dns.ResponseWriter, q *dns.Msg) (*dns.Msg, error) {
	c := &capture{ResponseWriter: w}
	rcode, err := h.ServeDNS(ctx, c, q)
	switch {
	case c.msg != nil:
		return c.msg, nil
	case err != nil:
		return nil, err
	case plugin.ClientWrite(rcode):
		return nil, errors.New("no reply")
	default:
		return new(dns.Msg).SetRcode(q, rcode), nil
	}
}

// capture is a writer that keeps the reply.
type capture struct {
	dns.ResponseWriter
	msg *dns.Msg
}

// WriteMsg implements dns.ResponseWriter.
func (c *capture) WriteMsg(m *dns.Msg) error {
	c.msg = m
	return nil
}

// Write implements dns.ResponseWriter.
func (c *capture) Write(b []byte) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return 0, err
	}
	c.msg = m
	return len(b), nil
}

// nobody is the writer of a question that no client asked: it comes from this
// machine.
type nobody struct{ addr net.Addr }

var (
	overUDP = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	overTCP = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
)

func (n nobody) LocalAddr() net.Addr       { return n.addr }
func (n nobody) RemoteAddr() net.Addr      { return n.addr }
func (n nobody) Network() string           { return n.addr.Network() }
func (nobody) WriteMsg(*dns.Msg) error     { return nil }
func (nobody) Write(b []byte) (int, error) { return len(b), nil }
func (nobody) Close() error                { return nil }
func (nobody) TsigStatus() error           { return nil }
func (nobody) TsigTimersOnly(bool)         {}
func (nobody) Hijack()                     {}
