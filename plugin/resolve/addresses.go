package resolve

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// addresses returns those of a type, A or AAAA, sorted, each once.
func addresses(rrs []dns.RR, qtype uint16) []netip.Addr {
	if len(rrs) == 0 {
		return nil
	}
	addrs := make([]netip.Addr, 0, len(rrs))
	for _, rr := range rrs {
		if addr := address(rr); addr.IsValid() && addr.Is4() == (qtype == dns.TypeA) {
			addrs = append(addrs, addr)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// address returns that of a record, or the zero Addr. The 16 bytes that an A
// may have in memory are unmapped. An AAAA with an IPv4-mapped address has none:
// these do not belong on the wire (RFC 5156, section 2.2), and would get around
// what is ruled for IPv4 addresses.
func address(rr dns.RR) netip.Addr {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A)
		return addr.Unmap()
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA)
	}
	if addr.Is4In6() {
		return netip.Addr{}
	}
	return addr
}
