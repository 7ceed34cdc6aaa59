package failover

import (
	"net/netip"
	"slices"

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

// scoped returns m, the reply to r, with how much of the client's network it is
// good for: bits is the length that the answer depended on, 0 for none. A
// resolver that asked with SOURCE 0 gets SCOPE 0 (RFC 7871, 7.2.1). m itself is
// not touched, and what else its OPT says is kept.
func scoped(m, r *dns.Msg, bits int) *dns.Msg {
	asked := subnetOf(r)
	if asked == nil || bits == 0 {
		return m
	}
	mine := *asked
	if mine.SourceNetmask > 0 {
		mine.SourceScope = scopeOf(asked, bits)
	}
	if theirs := subnetOf(m); theirs != nil {
		mine.SourceScope = max(mine.SourceScope, theirs.SourceScope)
	}
	opt := new(dns.OPT)
	if theirs := m.IsEdns0(); theirs != nil {
		*opt = *theirs
	}
	opt.Hdr.Name, opt.Hdr.Rrtype = ".", dns.TypeOPT
	opt.Option = append(slices.DeleteFunc(slices.Clone(opt.Option), isSubnet), &mine)
	s := *m
	s.Extra = append(slices.DeleteFunc(slices.Clone(m.Extra), isOPT), opt)
	return &s
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

// scoping is a writer of replies that an answer led to which depended on who
// asks.
type scoping struct {
	dns.ResponseWriter
	r    *dns.Msg
	bits int
}

// WriteMsg implements dns.ResponseWriter.
func (s scoping) WriteMsg(m *dns.Msg) error { return s.ResponseWriter.WriteMsg(scoped(m, s.r, s.bits)) }
