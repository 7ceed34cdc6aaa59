package failover

import (
	"slices"

	"github.com/miekg/dns"
)

// withoutBypass returns m without the addresses that other records bring along
// and that would bypass failover: the ipv4hint and ipv6hint of a record's own
// HTTPS and SVCB records (RFC 9460, 7.3), and address records of our names in
// the additional section. A signed reply stays as it is, as changes would break
// the signature. m itself is not touched: it may be a cache's.
func (p *passing) withoutBypass(m *dns.Msg) *dns.Msg {
	hints := p.record != nil && slices.ContainsFunc(m.Answer, hinting)
	extra := slices.ContainsFunc(m.Extra, p.handler.answersInstead)
	if !hints && !extra || slices.ContainsFunc(m.Answer, signature) {
		return m
	}
	m = m.Copy()
	m.AuthenticatedData = false
	m.Extra = slices.DeleteFunc(m.Extra, p.handler.answersInstead)
	if hints {
		for _, rr := range m.Answer {
			dropHints(rr)
		}
	}
	return m
}

// answersInstead reports whether rr is an address record of a name and type
// that a record of ours answers.
func (f *Failover) answersInstead(rr dns.RR) bool {
	if t := rr.Header().Rrtype; t != dns.TypeA && t != dns.TypeAAAA {
		return false
	}
	rec, _ := f.names.find(rr.Header().Name)
	if rec == nil {
		return false
	}
	_, ok := rec.answering(rr.Header().Rrtype)
	return ok
}

// dropHints takes the hints out of an HTTPS or SVCB record, and out of the list
// of those that a client must understand: a key that is listed but missing
// makes the record malformed (RFC 9460, 8).
func dropHints(rr dns.RR) {
	s := service(rr)
	if s == nil {
		return
	}
	s.Value = slices.DeleteFunc(s.Value, func(kv dns.SVCBKeyValue) bool {
		if mandatory, ok := kv.(*dns.SVCBMandatory); ok {
			mandatory.Code = slices.DeleteFunc(mandatory.Code, isHint)
			return len(mandatory.Code) == 0
		}
		return isHint(kv.Key())
	})
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

func hinting(rr dns.RR) bool {
	s := service(rr)
	return s != nil && slices.ContainsFunc(s.Value, func(kv dns.SVCBKeyValue) bool { return isHint(kv.Key()) })
}

func isHint(key dns.SVCBKey) bool { return key == dns.SVCB_IPV4HINT || key == dns.SVCB_IPV6HINT }

func signature(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG }
