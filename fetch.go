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
func (f *Failover) fetch(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record, c policy.Choice, ttl time.Duration) (int, error) {
	i := slices.IndexFunc(c.Picks, func(p policy.Pick) bool { return p.Target.Kind != model.Address })
	if i < 0 {
		return f.noData(ctx, w, r, rec, c)
	}
	target := c.Picks[i].Target
	if target.Kind == model.Next {
		return f.pass(ctx, capped{scoping{w, r, c.Scope}, ttl}, r, rec)
	}
	has, err := resolve.Lookup(ctx, foreground{f, w, rec}, f.fallback, target.Name, r.Question[0].Qtype)
	if err != nil {
		return dns.RcodeServerFailure, nil //nolint:nilerr // no answer is not a fault of this server
	}
	if len(has.RRs) == 0 {
		return f.noData(ctx, w, r, rec, c)
	}
	m := newReply(r)
	for _, rr := range has.RRs {
		mine := dns.Copy(rr)
		mine.Header().Name = r.Question[0].Name
		mine.Header().Ttl = uint32(min(ttl, has.TTL) / time.Second)
		dropHints(mine, unpicked(c.Picks))
		m.Answer = append(m.Answer, mine)
	}
	return dns.RcodeSuccess, w.WriteMsg(scoped(m, r, c.Scope))
}

// unpicked returns which hints would bypass failover: all but picked addresses.
func unpicked(picks []policy.Pick) func(net.IP) bool {
	return func(hint net.IP) bool {
		addr, _ := netip.AddrFromSlice(hint)
		return !slices.ContainsFunc(picks, func(p policy.Pick) bool { return p.Addr == addr.Unmap() })
	}
}

// answerCNAME answers with a CNAME to the chosen target, and with what that has
// behind it. A server that does not know what is behind leaves it to whoever
// asks (RFC 1034, 4.3.2).
func (f *Failover) answerCNAME(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record, c policy.Choice, ttl time.Duration) (int, error) {
	q, name := r.Question[0], c.Picks[0].Target.Name
	m := newReply(r)
	m.Answer = []dns.RR{&dns.CNAME{
		Hdr:    dns.RR_Header{Name: q.Name, Rrtype: dns.TypeCNAME, Class: q.Qclass, Ttl: uint32(ttl / time.Second)},
		Target: name,
	}}
	if q.Qtype != dns.TypeCNAME {
		f.addBehind(ctx, w, m, rec, name)
	}
	return m.Rcode, w.WriteMsg(scoped(m, r, c.Scope))
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
