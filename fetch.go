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
func (f *Failover) fetch(ctx context.Context, q *query, c policy.Choice) outcome {
	picks, question := c.Picks, q.r.Question[0]
	name := picks[slices.IndexFunc(picks, isElsewhere)].Target.Name
	ctx, cancel := context.WithTimeout(ctx, patienceInAll)
	defer cancel()
	asker := &foreground{handler: f, query: *q}
	has, err := resolve.Lookup(ctx, asker, f.fallback, name, question.Qtype)
	if err != nil {
		return outcome{rcode: dns.RcodeServerFailure} // no answer is not a fault of this server
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
	return outcome{w: q.w, reply: q.scoped(m, max(c.Scope, asker.scope))}
}

// isElsewhere reports whether others know what the target has.
func isElsewhere(p policy.Pick) bool { return p.Target.Kind != model.Address }

// fetches says what questions of a type that is none of addresses are answered with
// where that was picked: the first name counts, or the next plugins. A name that is
// flattened shows no CNAME of its own.
func fetches(picks []policy.Pick, qtype uint16) policy.Kind {
	i := slices.IndexFunc(picks, isElsewhere)
	switch {
	case i >= 0 && isNext(picks[i]):
		return policy.Next
	case i < 0 || qtype == dns.TypeCNAME:
		return policy.NoData
	default:
		return policy.Answer
	}
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
func (f *Failover) cname(ctx context.Context, q *query, c policy.Choice) outcome {
	question, name := q.r.Question[0], c.Picks[0].Target.Name
	m := newReply(q.r)
	m.Answer = []dns.RR{&dns.CNAME{
		Hdr: dns.RR_Header{
			Name: question.Name, Rrtype: dns.TypeCNAME, Class: question.Qclass, Ttl: uint32(q.ttl(c) / time.Second),
		},
		Target: name,
	}}
	scope := c.Scope
	if question.Qtype != dns.TypeCNAME {
		scope = max(scope, f.addBehind(ctx, q, m, name))
	}
	return outcome{w: q.w, reply: q.scoped(m, scope), rcode: m.Rcode}
}

// addBehind adds to m what name has of the type asked for, and returns how much
// of the client's network that is good for. Where the name does not exist, so
// says the whole reply (RFC 6604).
func (f *Failover) addBehind(ctx context.Context, q *query, m *dns.Msg, name string) int {
	ctx, cancel := context.WithTimeout(ctx, patienceInAll)
	defer cancel()
	asker := &foreground{handler: f, query: *q}
	behind, err := asker.Ask(ctx, q.behind(name))
	if (err != nil || !answers(behind)) && f.fallback != nil {
		behind, err = f.fallback.Ask(ctx, q.behind(name))
	}
	if err != nil || !answers(behind) {
		return 0
	}
	m.Rcode, m.Truncated = behind.Rcode, behind.Truncated
	m.Answer = append(m.Answer, behind.Answer...)
	m.Ns = behind.Ns
	return asker.scope
}

// behind returns the question for what is behind a CNAME to name: that of the
// client, who may want signatures.
func (q *query) behind(name string) *dns.Msg {
	m := new(dns.Msg).SetQuestion(strings.ToLower(name), q.r.Question[0].Qtype)
	m.CheckingDisabled = q.r.CheckingDisabled
	opt := q.r.IsEdns0()
	return m.SetEdns0(udpSize, opt != nil && opt.Do())
}

// udpSize is the largest reply that we ask for over UDP: no fragments on common
// networks (DNS flag day 2020).
const udpSize = 1232

// answers reports whether a reply is an answer: that there is something, or
// that there is nothing.
func answers(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError
}
