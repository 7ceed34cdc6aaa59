package failover

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// withoutBypass returns m without the addresses that other records bring along
// and that would bypass failover: the ipv4hint and ipv6hint of a record's own
// HTTPS and SVCB records (RFC 9460, 7.3), and address records of our names in
// the additional section. Where next is a target, only those that are unhealthy.
// A signed reply stays as it is, as changes would break the signature. m itself
// is not touched: it may be a cache's.
func (p *passing) withoutBypass(m *dns.Msg) *dns.Msg {
	hints := p.record != nil && slices.ContainsFunc(m.Answer, p.record.bypassedBy)
	extra := slices.ContainsFunc(m.Extra, p.handler.bypassedBy)
	if !hints && !extra || slices.ContainsFunc(m.Answer, signature) {
		return m
	}
	m = m.Copy()
	m.AuthenticatedData = false
	m.Extra = slices.DeleteFunc(m.Extra, p.handler.bypassedBy)
	if hints {
		for _, rr := range m.Answer {
			dropHints(rr, p.record.avoided(rr))
		}
	}
	return m
}

// bypassedBy reports whether rr is an address record of a name and type that a
// record of ours answers, and would not answer with.
func (f *Failover) bypassedBy(rr dns.RR) bool {
	addr := addrOf(rr)
	if !addr.IsValid() {
		return false
	}
	rec, _ := f.names.find(rr.Header().Name)
	return rec != nil && rec.answersWith(addr) && rec.avoids(rr.Header().Name, addr)
}

// avoids reports whether the record would not answer for a name with an address
// that the next plugins have: unless they are a target, it knows nothing of that
// address; and if they are, it does not answer with it while it is unhealthy, nor
// with any of them while the target is drained.
func (r *record) avoids(qname string, addr netip.Addr) bool {
	if r.next == nil || r.lens().hopeless(r.next) {
		return true
	}
	a := r.handler.known(r.next, qname, addr)
	return a != nil && !a.eligible()
}

// bypassedBy reports whether rr is an HTTPS or SVCB record with a hint that the
// record would not answer with.
func (r *record) bypassedBy(rr dns.RR) bool {
	s := service(rr)
	return s != nil && slices.ContainsFunc(s.Value, func(kv dns.SVCBKeyValue) bool {
		return slices.ContainsFunc(hintsOf(kv), r.avoided(rr))
	})
}

// avoided returns what the record avoids among the hints of rr.
func (r *record) avoided(rr dns.RR) func(net.IP) bool {
	return func(hint net.IP) bool {
		addr, _ := netip.AddrFromSlice(hint)
		return r.avoids(rr.Header().Name, addr.Unmap())
	}
}

// dropHints takes avoided hints out of rr, if it is an HTTPS or SVCB record. A
// key without one goes altogether, also from the list of those that a client
// must understand: a key that is listed but missing makes the record malformed
// (RFC 9460, 8).
func dropHints(rr dns.RR, avoided func(net.IP) bool) {
	s := service(rr)
	if s == nil {
		return
	}
	gone := make(map[dns.SVCBKey]bool)
	s.Value = slices.DeleteFunc(s.Value, func(kv dns.SVCBKeyValue) bool {
		switch hint := kv.(type) {
		case *dns.SVCBIPv4Hint:
			hint.Hint = slices.DeleteFunc(hint.Hint, avoided)
			gone[kv.Key()] = len(hint.Hint) == 0
		case *dns.SVCBIPv6Hint:
			hint.Hint = slices.DeleteFunc(hint.Hint, avoided)
			gone[kv.Key()] = len(hint.Hint) == 0
		}
		return gone[kv.Key()]
	})
	s.Value = slices.DeleteFunc(s.Value, func(kv dns.SVCBKeyValue) bool {
		mandatory, ok := kv.(*dns.SVCBMandatory)
		if ok {
			mandatory.Code = slices.DeleteFunc(mandatory.Code, func(key dns.SVCBKey) bool { return gone[key] })
		}
		return ok && len(mandatory.Code) == 0
	})
}

// hintsOf returns the addresses of a hint; of any other value none.
func hintsOf(kv dns.SVCBKeyValue) []net.IP {
	switch hint := kv.(type) {
	case *dns.SVCBIPv4Hint:
		return hint.Hint
	case *dns.SVCBIPv6Hint:
		return hint.Hint
	}
	return nil
}

// service returns the SVCB part of an SVCB or HTTPS record, or nil.
func service(rr dns.RR) *dns.SVCB {
	switch rr := rr.(type) {
	case *dns.SVCB:
		return rr
	case *dns.HTTPS:
		return &rr.SVCB
	}
	return nil
}

func signature(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG }
