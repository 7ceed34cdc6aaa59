package failover

import (
	"context"
	"math/rand/v2"
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
func (f *Failover) answerNext(ctx context.Context, q *query, hoped policy.Choice) outcome {
	rec, question := q.record, q.r.Question[0]
	theirs := f.askNext(ctx, q)
	addrs := theirs.addrs(question)
	if rec.inFrontOfNext() && len(addrs) == 0 && !theirs.failed() || rec.bySignature(theirs, q.r) {
		rec.count(ctx, hoped)
		q.explain(hoped)
		return done(theirs.write(q, hoped.Scope))
	}
	q.learned = f.learn(rec.next, question, addrs)
	var picks [mostPicks]policy.Pick
	c, held := q.answer.come(hoped, q.learned)
	if !held {
		d := q.answer.decideWith(theirs, q.learned, question.Qtype)
		c = d.Choose(q.who, picks[:0])
	}
	c.Scope = max(c.Scope, hoped.Scope, theirs.scope())
	if c.Kind == policy.NoData && c.Tier == 0 && !theirs.answers() {
		rec.count(ctx, c)
		return done(theirs.write(q, c.Scope))
	}
	// Where one choice is for all types, addresses of the other family are among
	// the picks.
	ours := ofType(slices.Clone(c.Picks), question.Qtype)
	if !slices.ContainsFunc(ours, isNext) {
		return f.settle(ctx, q, c)
	}
	rec.count(ctx, c)
	q.explain(c)
	m := theirs.filtered(ours, q.ttl(c))
	return outcome{w: q.w, reply: q.scoped(m, c.Scope)}
}

// come returns what was hoped, with the eligible addresses of next in the place
// of those that stood for them, or with all of them where it fails open; it does
// not hold where there is none. Nothing is chosen again, or chance would be taken
// twice.
func (a *answer) come(hoped policy.Choice, learned []*address) (c policy.Choice, held bool) {
	r := a.record
	var eligible []policy.Pick
	for _, one := range learned {
		if hoped.State == policy.FailOpen || one.eligible() {
			eligible = append(eligible, policy.Pick{Target: r.next.Target, Addr: one.Addr})
		}
	}
	if len(eligible) == 0 {
		return hoped, false
	}
	if !slices.ContainsFunc(hoped.Picks, isNext) {
		return hoped, true // next only had to be healthy, for min_healthy
	}
	others := slices.DeleteFunc(slices.Clone(hoped.Picks), isNext)
	if r.Limit > 0 {
		rand.Shuffle(len(eligible), func(i, j int) { eligible[i], eligible[j] = eligible[j], eligible[i] })
		eligible = eligible[:min(len(eligible), max(1, r.Limit-len(others)))]
	}
	hoped.Picks = slices.Concat(others, eligible)
	return hoped, true
}

func isNext(p policy.Pick) bool { return p.Target.Kind == model.Next }

// askNext asks the next plugins the very same question.
func (f *Failover) askNext(ctx context.Context, q *query) nextReply {
	ctx, cancel := context.WithTimeout(ctx, patienceInAll)
	defer cancel()
	m, rcode, err := askHandler(ctx, next{f}, q.w, q.r)
	return nextReply{m, rcode, err}
}

// decideWith decides what a question of that type is answered with where next
// stands for those addresses, none of which is eligible.
func (a *answer) decideWith(theirs nextReply, addresses []*address, qtype uint16) policy.Decision {
	l := a.record.lens()
	view := a.record.view(a.family, l)
	view.Start = int(a.start)
	tier := view.Tiers[a.record.next.tier-1]
	next := &tier[slices.IndexFunc(tier, func(t policy.Target) bool { return t.Kind == model.Next })]
	next.Addresses = slices.DeleteFunc(next.Addresses, func(known policy.Address) bool {
		return known.IsUnspecified() || typeOf(known.Addr) == qtype || !theirs.exists()
	})
	for _, one := range addresses {
		next.Addresses = append(next.Addresses, one.view(l))
	}
	return view.Decide(a.family)
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
