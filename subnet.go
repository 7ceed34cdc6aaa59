package failover

import (
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// subnetOf returns the EDNS Client Subnet of a message (RFC 7871), or nil.
func subnetOf(m *dns.Msg) *dns.EDNS0_SUBNET {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			return subnet
		}
	}
	return nil
}

// addressOf returns the address of a subnet, as long as its family says: an IPv4
// address in IPv6 form stays that, since its bits count from the left.
func addressOf(subnet *dns.EDNS0_SUBNET) (netip.Addr, bool) {
	if subnet.Family == 1 {
		return netip.AddrFromSlice(subnet.Address.To4())
	}
	return netip.AddrFromSlice(subnet.Address.To16())
}

// scoped returns m, a reply, with how much of the client's network it is good
// for: bits is the length that it depended on. Where nothing depended on the
// client it is good for all, which is only said by records whose answers may
// (RFC 7871, 7.2.1). A resolver that asked with SOURCE 0 gets SCOPE 0. m itself
// is not touched, and what else its OPT says is kept.
func (q *query) scoped(m *dns.Msg, bits int) *dns.Msg {
	asked := subnetOf(q.r)
	if asked == nil || bits == 0 && !q.record.asksClient {
		return m
	}
	mine := *asked
	if mine.SourceScope = 0; mine.SourceNetmask > 0 && bits > 0 {
		mine.SourceScope = scopeOf(asked, bits)
	}
	if theirs := subnetOf(m); theirs != nil {
		mine.SourceScope = max(mine.SourceScope, theirs.SourceScope)
	}
	return withOption(m, isSubnet, &mine)
}

// extended is a message with room for its OPT and an option, to be allocated at once.
type extended struct {
	dns.Msg
	opt     dns.OPT
	extra   [1]dns.RR
	options [1]dns.EDNS0
}

// withOption returns m with an EDNS option in the place of those it replaces. m
// itself is not touched, and what else its OPT says is kept.
func withOption(m *dns.Msg, replaces func(dns.EDNS0) bool, option dns.EDNS0) *dns.Msg {
	s := &extended{Msg: *m}
	if theirs := m.IsEdns0(); theirs != nil {
		s.opt = *theirs
	}
	s.opt.Hdr.Name, s.opt.Hdr.Rrtype = ".", dns.TypeOPT
	s.opt.Option = append(without(s.options[:0], s.opt.Option, replaces), option)
	s.Extra = append(without(s.extra[:0], m.Extra, isOPT), &s.opt)
	return &s.Msg
}

// without appends those of all that are not unwanted.
func without[T any](to, all []T, unwanted func(T) bool) []T {
	for _, one := range all {
		if !unwanted(one) {
			to = append(to, one)
		}
	}
	return to
}

// scopeOf returns SCOPE for bits of the client's address: policies count those
// of an IPv4 address in IPv6 form as IPv4.
func scopeOf(asked *dns.EDNS0_SUBNET, bits int) uint8 {
	if addr, ok := addressOf(asked); ok && addr.Is4In6() {
		bits += addr.BitLen() - addr.Unmap().BitLen()
	}
	return uint8(bits)
}

func isSubnet(o dns.EDNS0) bool { return o.Option() == dns.EDNS0SUBNET }

func isOPT(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT }

// passed is a writer of what the next plugins reply in place of the record: good
// for the client that they were asked for.
type passed struct {
	dns.ResponseWriter
	query query
	scope int
}

// WriteMsg implements dns.ResponseWriter.
func (p passed) WriteMsg(m *dns.Msg) error {
	return p.ResponseWriter.WriteMsg(p.query.scoped(m, p.scope))
}

// capped is a writer of what they reply to a question that the record answers:
// good for its TTL at most, or a recovery would be noticed late.
type capped struct {
	dns.ResponseWriter
	ttl time.Duration
}

// WriteMsg implements dns.ResponseWriter. Neither the answer lives longer, nor
// its absence (RFC 2308, 5); what is signed keeps its data. m itself is not
// touched: it may be a cache's.
func (c capped) WriteMsg(m *dns.Msg) error {
	most := uint32(c.ttl / time.Second)
	mine := m.Copy()
	for _, rr := range mine.Answer {
		rr.Header().Ttl = min(rr.Header().Ttl, most)
	}
	for _, rr := range mine.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl, most)
			if !slices.ContainsFunc(mine.Ns, signature) {
				soa.Minttl = min(soa.Minttl, most)
			}
		}
	}
	return c.ResponseWriter.WriteMsg(mine)
}
