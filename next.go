package failover

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// answerNext answers a question that only the next plugins can tell the
// candidates for. Their reply is filtered by health:
//
//	                        one name               wildcard
//	addresses               the healthy ones       the healthy ones
//	NODATA, NXDOMAIN        no candidates          passes as it is
//	referral, other codes   no candidates          passes as it is
//	SERVFAIL, silence       no candidates          no candidates
//
// Where no candidate is left, the other tiers answer, and where those have none
// either, what the next plugins said.
func (f *Failover) answerNext(ctx context.Context, q query) (int, error) {
	c := &capture{ResponseWriter: q.w}
	rcode, err := plugin.NextOrFailure(f.Name(), f.Next, ctx, c, q.r)
	theirs := nextReply{Msg: c.msg, rcode: rcode, err: err}
	rec, question := q.answer.record, q.r.Question[0]
	addrs := theirs.addrs(question.Qtype)
	if rec.Wildcard() && len(addrs) == 0 && !theirs.failed() || rec.bySignature(theirs, q.r) {
		return theirs.write(q.w)
	}
	d := q.answer.decideWith(f.learn(rec.next, question, addrs), question.Qtype)
	var picks [mostPicks]policy.Pick
	choice := d.Choose(rec.client(ctx, q.w, q.r), picks[:0])
	if choice.Kind == policy.NoData && choice.Tier == 0 && theirs.failed() {
		return theirs.write(q.w)
	}
	if choice.Kind != policy.Answer || !slices.ContainsFunc(choice.Picks, isNext) {
		return f.write(ctx, q, choice)
	}
	rec.count(ctx, choice)
	m := theirs.filtered(choice.Picks, q.ttl(choice))
	return dns.RcodeSuccess, q.w.WriteMsg(scoped(m, q.r, choice.Scope))
}

func isNext(p policy.Pick) bool { return p.Target.Kind == model.Next }

// nextReply is what the next plugins said, or that they said nothing.
type nextReply struct {
	*dns.Msg // nil where nothing was written
	rcode    int
	err      error
}

// write passes the reply on as it is.
func (n nextReply) write(w dns.ResponseWriter) (int, error) {
	if n.Msg == nil {
		return n.rcode, n.err
	}
	return n.rcode, w.WriteMsg(n.Msg)
}

// failed reports whether there is no answer: a failure, or nothing at all.
func (n nextReply) failed() bool { return n.Msg == nil || n.Rcode == dns.RcodeServerFailure }

// bySignature reports whether the reply comes signed, to somebody who wants to
// see the signatures: then to change it would be to break it.
func (r *record) bySignature(n nextReply, q *dns.Msg) bool {
	opt := q.IsEdns0()
	if n.Msg == nil || opt == nil || !opt.Do() || !slices.ContainsFunc(n.Answer, signature) {
		return false
	}
	r.signed.Do(func() { logSigned(r) })
	return true
}

// addrs returns the addresses that the reply to a question of that type has.
func (n nextReply) addrs(qtype uint16) []netip.Addr {
	if n.Msg == nil || n.Rcode != dns.RcodeSuccess {
		return nil
	}
	var addrs []netip.Addr
	for _, rr := range n.Answer {
		addr := addrOf(rr)
		if addr.IsValid() && rr.Header().Rrtype == qtype && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// addrOf returns the address that a record holds, or the zero Addr.
func addrOf(rr dns.RR) netip.Addr {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA.To16())
	}
	return addr
}

// decideWith decides what a question of that type is answered with where next
// stands for those addresses of the type.
func (a *answer) decideWith(addresses []*address, qtype uint16) policy.Decision {
	eligible := measured
	if a.record.Observe {
		eligible = assumed
	}
	view := a.record.view(a.family, eligible)
	view.Start = a.start
	tier := view.Tiers[a.record.next.tier-1]
	next := &tier[slices.IndexFunc(tier, func(t policy.Target) bool { return t.Kind == model.Next })]
	next.Addresses = slices.DeleteFunc(next.Addresses, func(known policy.Address) bool {
		return known.IsUnspecified() || typeOf(known.Addr) == qtype
	})
	for _, one := range addresses {
		next.Addresses = append(next.Addresses, one.view(eligible))
	}
	return view.Decide(a.family)
}

// filtered returns the reply with those of its addresses that were picked, for
// at most ttl, and those of other targets beside them. It is not touched itself:
// it may be a cache's.
func (n nextReply) filtered(picks []policy.Pick, ttl time.Duration) *dns.Msg {
	most := uint32(ttl / time.Second)
	unpicked := func(rr dns.RR) bool {
		addr := addrOf(rr)
		mine := func(p policy.Pick) bool { return isNext(p) && p.Addr == addr }
		return addr.IsValid() && !slices.ContainsFunc(picks, mine)
	}
	changes := func(rr dns.RR) bool { return unpicked(rr) || addrOf(rr).IsValid() && rr.Header().Ttl > most }
	others := slices.DeleteFunc(slices.Clone(picks), isNext)
	if len(others) == 0 && !slices.ContainsFunc(n.Answer, changes) {
		return n.Msg
	}
	m := n.Copy()
	m.AuthenticatedData = false
	m.Answer = slices.DeleteFunc(m.Answer, unpicked)
	return join(m, others, most)
}

// join adds addresses to those that m has, as a part of the same set: for the
// shortest TTL of all, and at most for ttl (RFC 2181, 5.2).
func join(m *dns.Msg, picks []policy.Pick, ttl uint32) *dns.Msg {
	isAddr := func(rr dns.RR) bool { return addrOf(rr).IsValid() }
	first := m.Answer[slices.IndexFunc(m.Answer, isAddr)]
	m.Answer = append(m.Answer, rrs(*first.Header(), picks)...)
	for _, rr := range m.Answer {
		if isAddr(rr) {
			ttl = min(ttl, rr.Header().Ttl)
		}
	}
	for _, rr := range m.Answer {
		if isAddr(rr) {
			rr.Header().Ttl = ttl
		}
	}
	return m
}

// learn returns the addresses that next stands for in a reply to q. Those that
// nobody has asked for yet are probed from now on.
func (f *Failover) learn(t *target, q dns.Question, addrs []netip.Addr) []*address {
	var addresses []*address
	for _, addr := range addrs {
		a := f.known(t, q.Name, addr)
		if a == nil {
			a = f.learned.add(learnedKey{t, t.hostFor(q.Name), addr})
		}
		addresses = append(addresses, a)
	}
	return addresses
}

// known returns an address that next stands for in replies for qname, or nil.
func (f *Failover) known(t *target, qname string, addr netip.Addr) *address {
	if a := t.find(addr); a != nil {
		return a
	}
	return f.learned.find(learnedKey{t, t.hostFor(qname), addr})
}

// hostFor returns the host that checks of next go by in replies for qname, or
// "" where it is the same for all names.
func (t *target) hostFor(qname string) string {
	if !t.record.Wildcard() || !slices.ContainsFunc(t.Checks, hostless) {
		return ""
	}
	return display(strings.ToLower(qname))
}

// hostless reports whether a check of a wildcard goes by the name asked for:
// package corefile then gives it the wildcard for a host.
func hostless(c model.Check) bool { return strings.HasPrefix(c.Host, "*.") }
