package failover

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/miekg/dns"
)

// answerNext answers a question for which next was chosen, before anybody knew
// what that stands for. The reply of the next plugins is filtered by health:
//
//	                        one name               wildcard, next is its primary
//	addresses               the healthy ones       the healthy ones
//	NODATA, NXDOMAIN        no candidates          passes as it is
//	referral, other codes   no candidates          passes as it is
//	SERVFAIL, silence       no candidates          no candidates
//
// Where no candidate is left, the other tiers answer, and where those have none
// either, what the next plugins said.
func (f *Failover) answerNext(ctx context.Context, q query, hoped policy.Choice) (int, error) {
	rec, question := q.answer.record, q.r.Question[0]
	theirs := f.askNext(ctx, q)
	addrs := theirs.addrs(question)
	if rec.inFrontOfNext() && len(addrs) == 0 && !theirs.failed() || rec.bySignature(theirs, q.r) {
		rec.count(ctx, hoped)
		return theirs.write(q.w)
	}
	learned := f.learn(rec.next, question, addrs)
	d := q.answer.decideWith(hoped, theirs, learned, question.Qtype)
	var picks [mostPicks]policy.Pick
	c := d.Choose(rec.client(ctx, q.w, q.r), picks[:0])
	c.Scope = max(c.Scope, hoped.Scope)
	if c.Kind == policy.NoData && c.Tier == 0 && !theirs.answers() {
		rec.count(ctx, c)
		return theirs.write(q.w)
	}
	// Where one choice is for all types, addresses of the other family are among
	// the picks.
	ours := ofType(slices.Clone(c.Picks), question.Qtype)
	if !slices.ContainsFunc(ours, isNext) {
		return f.write(ctx, q, c)
	}
	rec.count(ctx, c)
	m := theirs.filtered(ours, q.ttl(c, learned...))
	return dns.RcodeSuccess, q.w.WriteMsg(q.scoped(m, c.Scope))
}

func isNext(p policy.Pick) bool { return p.Target.Kind == model.Next }

// askNext asks the next plugins the very same question.
func (f *Failover) askNext(ctx context.Context, q query) nextReply {
	ctx, cancel := context.WithTimeout(ctx, patienceInAll)
	defer cancel()
	m, rcode, err := askHandler(ctx, next{f}, q.w, q.r)
	return nextReply{m, rcode, err}
}

// decideWith decides what a question of that type is answered with, now that
// next is known to stand for those addresses.
func (a *answer) decideWith(hoped policy.Choice, theirs nextReply, addresses []*address, qtype uint16) policy.Decision {
	eligible := measured
	if a.record.Observe {
		eligible = assumed
	}
	view := a.record.view(a.family, eligible)
	view.Start = a.start
	tier := view.Tiers[a.record.next.tier-1]
	at := slices.IndexFunc(tier, func(t policy.Target) bool { return t.Kind == model.Next })
	tier[at].Addresses = slices.DeleteFunc(tier[at].Addresses, func(known policy.Address) bool {
		return known.IsUnspecified() || typeOf(known.Addr) == qtype || !theirs.exists()
	})
	for _, one := range addresses {
		tier[at].Addresses = append(tier[at].Addresses, one.view(eligible))
	}
	if slices.ContainsFunc(addresses, eligible) {
		// What was hoped holds: it is neither to be chosen again by chance, nor by
		// another share of trickle.
		view.Start = hoped.Tier
		if !slices.ContainsFunc(hoped.Picks, func(p policy.Pick) bool { return !isNext(p) }) {
			alone(tier, at)
		}
	}
	return view.Decide(a.family)
}

// alone leaves nothing in the tier for a policy to choose but the i-th target.
func alone(tier policy.Tier, i int) {
	for j := range tier {
		if j != i {
			tier[j].Addresses, tier[j].Record = nil, nil
		}
	}
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
