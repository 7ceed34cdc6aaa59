package failover

import (
	"context"
	"errors"
	"net"
	"time"

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

// Ask implements resolve.Asker.
func (b background) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	v := &via{records: b.alias.records, alias: b.alias}
	reply, err := replyOf(askHandler(through(b.alias.handler.withServer(ctx), v), b.handler, nobody{}, q))
	if err == nil && !v.reached.Load() && endOf(reply.Answer, q.Question[0].Name) == q.Question[0].Name {
		b.alias.reached.Store(nil) // else there may be more to ask, at the end of a CNAME
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

// foreground asks the handler for what a query needs, on behalf of its client.
// It implements resolve.Asker.
type foreground struct {
	handler *Failover
	query   query
	scope   int // the longest that a reply was good for
}

// patienceInAll is how long a question waits for what others have to say.
const patienceInAll = 2 * time.Second

// Ask implements resolve.Asker.
func (f *foreground) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	if subnet := subnetOf(f.query.r); subnet != nil {
		opt := q.IsEdns0()
		opt.Option = append(opt.Option, subnet)
	}
	ctx = through(ctx, &via{records: []*record{f.query.record}})
	reply, err := replyOf(askHandler(ctx, f.handler, f.query.w, q))
	if err != nil {
		return nil, err
	}
	if subnet := subnetOf(reply); subnet != nil {
		f.scope = max(f.scope, int(subnet.SourceScope))
	}
	return reply, nil
}

// askHandler asks a handler, for the client of w. What does not fit into a packet is
// asked for once more as over TCP, so that *forward* does so too.
func askHandler(ctx context.Context, h plugin.Handler, w dns.ResponseWriter, q *dns.Msg) (*dns.Msg, int, error) {
	c := &capture{ResponseWriter: w}
	rcode, err := h.ServeDNS(ctx, c, q)
	if c.msg != nil && c.msg.Truncated {
		again := &capture{ResponseWriter: overTCP{w}}
		if rcode, err := h.ServeDNS(ctx, again, q); again.msg != nil && !again.msg.Truncated {
			return again.msg, rcode, err
		}
	}
	return c.msg, rcode, err
}

// replyOf returns what was replied, as a server would write it.
func replyOf(m *dns.Msg, rcode int, err error) (*dns.Msg, error) {
	switch {
	case m != nil:
		return m, nil
	case err != nil:
		return nil, err
	case plugin.ClientWrite(rcode):
		return nil, errors.New("no reply")
	default:
		return nil, errors.New(dns.RcodeToString[rcode])
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

// overTCP is the writer of a client that may be over UDP, as if it were not.
type overTCP struct{ dns.ResponseWriter }

// RemoteAddr implements dns.ResponseWriter.
func (o overTCP) RemoteAddr() net.Addr {
	if addr, ok := o.ResponseWriter.RemoteAddr().(*net.UDPAddr); ok {
		return &net.TCPAddr{IP: addr.IP, Port: addr.Port, Zone: addr.Zone}
	}
	return o.ResponseWriter.RemoteAddr()
}

// nobody is the writer of a question that no client asked: it comes from this
// machine.
type nobody struct{}

var here = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}

func (nobody) LocalAddr() net.Addr         { return here }
func (nobody) RemoteAddr() net.Addr        { return here }
func (nobody) WriteMsg(*dns.Msg) error     { return nil }
func (nobody) Write(b []byte) (int, error) { return len(b), nil }
func (nobody) Close() error                { return nil }
func (nobody) TsigStatus() error           { return nil }
func (nobody) TsigTimersOnly(bool)         {}
func (nobody) Hijack()                     {}
