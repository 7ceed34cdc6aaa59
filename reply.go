package failover

import (
	"net/netip"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/miekg/dns"
)

// reply is a message with room for its question, to be allocated at once.
type reply struct {
	dns.Msg
	question [1]dns.Question
}

// to makes it an authoritative reply to r, with its question.
func (m *reply) to(r *dns.Msg) *dns.Msg {
	m.Id = r.Id
	m.Response = true
	m.Authoritative = true
	m.RecursionDesired = r.RecursionDesired
	m.CheckingDisabled = r.CheckingDisabled
	m.question[0] = r.Question[0]
	m.Question = m.question[:]
	return &m.Msg
}

// newReply returns an authoritative reply to r without data.
func newReply(r *dns.Msg) *dns.Msg { return new(reply).to(r) }

// message returns the reply to r that holds the picked addresses. Every query
// gets records of its own, since the handlers above change them in place. The
// owner has the case of the question (DNS 0x20).
func message(r *dns.Msg, picks []policy.Pick, ttl time.Duration) *dns.Msg {
	q := r.Question[0]
	hdr := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: q.Qclass, Ttl: uint32(ttl / time.Second)}
	if len(picks) == 1 {
		return single(r, hdr, picks[0].Addr)
	}
	m := newReply(r)
	m.Answer = rrs(hdr, picks)
	return m
}

// single returns the reply to r that holds one address, as most do: all of it is
// allocated at once.
func single(r *dns.Msg, hdr dns.RR_Header, addr netip.Addr) *dns.Msg {
	if hdr.Rrtype == dns.TypeA {
		var m struct {
			reply
			answer [1]dns.RR
			rr4
		}
		m.answer[0] = m.set(hdr, addr)
		m.Answer = m.answer[:]
		return m.to(r)
	}
	var m struct {
		reply
		answer [1]dns.RR
		rr6
	}
	m.answer[0] = m.set(hdr, addr)
	m.Answer = m.answer[:]
	return m.to(r)
}

// rrs returns the records that hold the picked addresses, all of the type that
// hdr has. Inlined, it would have the stack of every query grow that has but one.
//
//go:noinline
func rrs(hdr dns.RR_Header, picks []policy.Pick) []dns.RR {
	if hdr.Rrtype == dns.TypeA {
		return fill(hdr, picks, (*rr4).set)
	}
	return fill(hdr, picks, (*rr6).set)
}

func fill[T any](hdr dns.RR_Header, picks []policy.Pick, set func(*T, dns.RR_Header, netip.Addr) dns.RR) []dns.RR {
	all, room := make([]dns.RR, len(picks)), make([]T, len(picks))
	for i, p := range picks {
		all[i] = set(&room[i], hdr, p.Addr)
	}
	return all
}

// rr4 is an A record with room for its address.
type rr4 struct {
	dns.A
	ip [4]byte
}

func (rr *rr4) set(hdr dns.RR_Header, addr netip.Addr) dns.RR {
	rr.Hdr, rr.ip = hdr, addr.As4()
	rr.A.A = rr.ip[:]
	return &rr.A
}

// rr6 is an AAAA record with room for its address.
type rr6 struct {
	dns.AAAA
	ip [16]byte
}

func (rr *rr6) set(hdr dns.RR_Header, addr netip.Addr) dns.RR {
	rr.Hdr, rr.ip = hdr, addr.As16()
	rr.AAAA.AAAA = rr.ip[:]
	return &rr.AAAA
}
