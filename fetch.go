package failover

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/resolve"

	"github.com/miekg/dns"
)

// fetch answers with what the chosen target has of a type that is none of
// addresses. That is asked for now, and given under the record's own name.
func (f *Failover) fetch(ctx context.Context, q query, c policy.Choice) (int, error) {
	rec, picks, question := q.answer.record, c.Picks, q.r.Question[0]
	i := slices.IndexFunc(picks, func(p policy.Pick) bool { return p.Target.Kind != model.Address })
	if i < 0 {
		return f.noData(ctx, q, c)
	}
	if isNext(picks[i]) {
		return f.pass(ctx, capped{scoping{q.w, q.r, c.Scope}, q.ttl(c)}, q.r, rec)
	}
	has, err := resolve.Lookup(ctx, foreground{f, q.w, rec}, f.fallback, picks[i].Target.Name, question.Qtype)
	if err != nil {
		return dns.RcodeServerFailure, nil //nolint:nilerr // no answer is not a fault of this server
	}
	if len(has.RRs) == 0 {
		return f.noData(ctx, q, c)
	}
	m := newReply(q.r)
	for _, rr := range has.RRs {
		mine := dns.Copy(rr)
		mine.Header().Name = question.Name
		mine.Header().Ttl = uint32(min(q.ttl(c), has.TTL) / time.Second)
		dropHints(mine, unpicked(picks))
		m.Answer = append(m.Answer, mine)
	}
	return dns.RcodeSuccess, q.w.WriteMsg(scoped(m, q.r, c.Scope))
}

// unpicked returns which hints would bypass failover: all but picked addresses.
// It keeps addresses of its own, since it would take the picks to the heap.
func unpicked(picks []policy.Pick) func(net.IP) bool {
	var addrs []netip.Addr
	for _, p := range picks {
		addrs = append(addrs, p.Addr)
	}
	return func(hint net.IP) bool {
		addr, _ := netip.AddrFromSlice(hint)
		return !slices.Contains(addrs, addr.Unmap())
	}
}

// cname answers with a CNAME to the chosen target, and with what that has
// behind it. A server that does not know what is behind leaves it to whoever
// asks (RFC 1034, 4.3.2).
func (f *Failover) cname(ctx context.Context, q query, c policy.Choice) (int, error) {
	question, name := q.r.Question[0], c.Picks[0].Target.Name
	m := newReply(q.r)
	m.Answer = []dns.RR{&dns.CNAME{
		Hdr: dns.RR_Header{
			Name: question.Name, Rrtype: dns.TypeCNAME, Class: question.Qclass, Ttl: uint32(q.ttl(c) / time.Second),
		},
		Target: name,
	}}
	if question.Qtype != dns.TypeCNAME {
		f.addBehind(ctx, q.w, m, q.answer.record, name)
	}
	return m.Rcode, q.w.WriteMsg(scoped(m, q.r, c.Scope))
}

// addBehind adds to m what name has of the type asked for. Where that does not
// exist, so says the whole reply (RFC 6604).
func (f *Failover) addBehind(ctx context.Context, w dns.ResponseWriter, m *dns.Msg, rec *record, name string) {
	q := new(dns.Msg).SetQuestion(strings.ToLower(name), m.Question[0].Qtype)
	behind, err := foreground{f, w, rec}.Ask(ctx, q)
	if (err != nil || !answers(behind)) && f.fallback != nil {
		behind, err = f.fallback.Ask(ctx, q)
	}
	if err != nil || !answers(behind) {
		return
	}
	m.Rcode = behind.Rcode
	m.Answer = append(m.Answer, behind.Answer...)
	m.Ns = behind.Ns
}

// answers reports whether a reply is an answer: that there is something, or
// that there is nothing.
func answers(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError
}

// capped is a writer of replies whose answers are good for at most ttl.
type capped struct {
	dns.ResponseWriter
	ttl time.Duration
}

// WriteMsg implements dns.ResponseWriter. m itself is not touched: it may be a
// cache's.
func (c capped) WriteMsg(m *dns.Msg) error {
	most := uint32(c.ttl / time.Second)
	if slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Ttl > most }) {
		m = m.Copy()
		for _, rr := range m.Answer {
			rr.Header().Ttl = min(rr.Header().Ttl, most)
		}
	}
	return c.ResponseWriter.WriteMsg(m)
}
