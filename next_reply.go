package failover

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/miekg/dns"
)

// nextReply is what the next plugins said, or that they said nothing.
type nextReply struct {
	*dns.Msg // nil where nothing was written
	rcode    int
	err      error
}

// write passes the reply on as it is, but for how much of the client's network it
// is good for.
func (n nextReply) write(q *query, scope int) (int, error) {
	if n.Msg == nil {
		return n.rcode, n.err
	}
	return n.rcode, q.w.WriteMsg(q.scoped(n.Msg, scope))
}

// scope is how much of the client's network the reply says that it is good for.
func (n nextReply) scope() int {
	if n.Msg == nil {
		return 0
	}
	subnet := subnetOf(n.Msg)
	if subnet == nil {
		return 0
	}
	return int(subnet.SourceScope)
}

// failed reports whether there is a failure, or nothing at all.
func (n nextReply) failed() bool { return n.Msg == nil || n.Rcode == dns.RcodeServerFailure }

// answers reports whether the reply is an answer, if only that there is nothing.
func (n nextReply) answers() bool { return n.Msg != nil && answers(n.Msg) }

// exists reports whether the reply says that there is such a name.
func (n nextReply) exists() bool { return n.Msg != nil && n.Rcode == dns.RcodeSuccess }

// bySignature reports whether the reply comes signed, to somebody who wants to
// see the signatures: then to change it would be to break it.
func (r *record) bySignature(n nextReply, q *dns.Msg) bool {
	opt := q.IsEdns0()
	if n.Msg == nil || opt == nil || !opt.Do() {
		return false
	}
	if !slices.ContainsFunc(n.Answer, signature) && !slices.ContainsFunc(n.Ns, signature) {
		return false
	}
	if !r.signed.Swap(true) {
		logSigned(r)
	}
	return true
}

// addrs returns the addresses that the reply has for question, at the end of its
// CNAMEs. What it has of other names nobody asked for.
func (n nextReply) addrs(q dns.Question) []netip.Addr {
	if !n.exists() {
		return nil
	}
	end := endOf(n.Answer, q.Name)
	var addrs []netip.Addr
	for _, rr := range n.Answer {
		addr := addrOf(rr)
		mine := addr.IsValid() && rr.Header().Rrtype == q.Qtype && strings.EqualFold(rr.Header().Name, end)
		if mine && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// endOf returns the name to which CNAMEs lead from name. A loop ends after as
// many steps as there are records.
func endOf(rrs []dns.RR, name string) string {
	for range rrs {
		i := slices.IndexFunc(rrs, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeCNAME && strings.EqualFold(rr.Header().Name, name)
		})
		if i < 0 {
			break
		}
		name = rrs[i].(*dns.CNAME).Target
	}
	return name
}

// addrOf returns the address that a record holds, or the zero Addr. An IPv4
// address in IPv6 form is none that clients could use.
func addrOf(rr dns.RR) netip.Addr {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA.To16())
	}
	if addr.Is4In6() {
		return netip.Addr{}
	}
	return addr
}

// filtered returns the reply with those of its addresses that were picked, and
// those of other targets beside them, all for at most ttl. It is not touched
// itself: it may be a cache's.
func (n nextReply) filtered(picks []policy.Pick, ttl time.Duration) *dns.Msg {
	most := uint32(ttl / time.Second)
	unpicked := func(rr dns.RR) bool {
		addr := addrOf(rr)
		mine := func(p policy.Pick) bool { return isNext(p) && p.Addr == addr }
		return isAddress(rr.Header().Rrtype) && !slices.ContainsFunc(picks, mine)
	}
	changes := func(rr dns.RR) bool { return unpicked(rr) || rr.Header().Ttl > most }
	others := once(slices.DeleteFunc(slices.Clone(picks), isNext))
	if len(others) == 0 && !slices.ContainsFunc(n.Answer, changes) {
		return n.Msg
	}
	m := n.Copy()
	m.AuthenticatedData = false
	m.Answer = slices.DeleteFunc(m.Answer, unpicked)
	for _, rr := range m.Answer {
		rr.Header().Ttl = min(rr.Header().Ttl, most)
	}
	join(m, others)
	return m
}

// join adds addresses to those that m has, as a part of the same set: each once,
// and all with the shortest TTL (RFC 2181, 5).
func join(m *dns.Msg, picks []policy.Pick) {
	if len(picks) == 0 {
		return
	}
	var hdr dns.RR_Header
	for _, rr := range m.Answer {
		if addr := addrOf(rr); addr.IsValid() {
			picks = slices.DeleteFunc(picks, func(p policy.Pick) bool { return p.Addr == addr })
			if hdr.Name == "" || rr.Header().Ttl < hdr.Ttl {
				hdr = *rr.Header()
			}
		}
	}
	for _, rr := range m.Answer {
		if addrOf(rr).IsValid() {
			rr.Header().Ttl = hdr.Ttl
		}
	}
	m.Answer = append(m.Answer, rrs(hdr, picks)...)
}
