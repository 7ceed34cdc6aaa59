package failover

import (
	"context"
	"slices"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// outcome is how a question ends: with a reply that is yet to be written, or
// without one, with what plugin.Handler returns. Every query has a goroutine of its
// own, whose stack would have to grow if it were written on top of all that it took
// to choose it: that took a sixth of a server's time.
type outcome struct {
	w     dns.ResponseWriter
	reply *dns.Msg
	rcode int
	err   error
}

// write ends the question.
func (o outcome) write() (int, error) {
	if o.reply == nil {
		return o.rcode, o.err
	}
	return o.rcode, o.w.WriteMsg(o.reply)
}

// done is the outcome where others have replied.
func done(rcode int, err error) outcome { return outcome{rcode: rcode, err: err} }

// settle comes to the outcome of what was chosen. What takes room on the stack is in
// functions of its own, or the stack of every query would have to grow.
func (f *Failover) settle(ctx context.Context, q *query, c policy.Choice) outcome {
	rec, qtype := q.record, q.r.Question[0].Qtype
	if rec.leaves(c, qtype) {
		return f.leave(ctx, q, c)
	}
	rec.count(ctx, c)
	q.explain(c)
	if c.Kind == policy.Answer && !rec.cname && isAddress(qtype) {
		return f.addresses(q, c)
	}
	return f.otherwise(ctx, q, c)
}

// leave leaves a question to the next plugins, for which that was chosen.
//
//go:noinline
func (f *Failover) leave(ctx context.Context, q *query, c policy.Choice) outcome {
	return done(f.pass(ctx, passed{q.w, *q, c.Scope}, q.r, q.record))
}

// addresses replies with the addresses of the chosen targets: what nearly every question
// comes to.
//
//go:noinline
func (f *Failover) addresses(q *query, c policy.Choice) outcome {
	picks := c.Picks
	if q.record.aliased {
		picks = once(picks)
	}
	return outcome{w: q.w, reply: q.scoped(message(q.r, picks, q.ttl(c)), c.Scope)}
}

// otherwise comes to every other outcome.
//
//go:noinline
func (f *Failover) otherwise(ctx context.Context, q *query, c policy.Choice) outcome {
	rec, qtype := q.record, q.r.Question[0].Qtype
	c = rec.narrow(c, q.who, qtype, rec.lens())
	switch {
	case c.Kind == policy.Next:
		return done(f.passOn(ctx, q, c))
	case c.Kind == policy.Closed:
		return closed(q.w, q.r, rec.Fail.Rcode)
	case c.Kind == policy.NoData && q.answer.unresolved && !rec.answersAtAll():
		return outcome{rcode: dns.RcodeServerFailure} // nobody knows whether there is data
	case c.Kind == policy.NoData:
		return f.noData(ctx, q, c)
	case rec.cname && isCNAME(c.Picks[0]):
		return f.cname(ctx, q, c)
	case !isAddress(qtype):
		return f.fetch(ctx, q, c)
	default:
		return f.addresses(q, c)
	}
}

func isCNAME(p policy.Pick) bool { return p.Target.CNAME }

// leaves reports whether a question of that type, for which that was chosen, is left
// to the next plugins after all: it was here for the sake of a CNAME.
func (r *record) leaves(c policy.Choice, qtype uint16) bool {
	return r.cname && !r.has(qtype) && !slices.ContainsFunc(c.Picks, isCNAME)
}

// narrow returns what questions of a type get of what was chosen for their family.
func (r *record) narrow(c policy.Choice, who policy.Client, qtype uint16, l lens) policy.Choice {
	switch {
	case c.Kind != policy.Answer || isCNAME(c.Picks[0]):
		return c
	case !isAddress(qtype):
		c.Kind = fetches(c.Picks, qtype)
		return c
	case r.cname:
		return r.within(c, who, qtype, l)
	default:
		return c
	}
}

// within chooses once more, among the addresses of a type that the chosen tier
// has: the choice for all types is only the tier's. Where it comes out elsewhere,
// or next is not asked again, what was picked of the type stands.
func (r *record) within(c policy.Choice, who policy.Client, qtype uint16, l lens) policy.Choice {
	family := policy.IPv4
	if qtype == dns.TypeAAAA {
		family = policy.IPv6
	}
	view := r.view(policy.Any, l)
	view.Start = c.Tier
	d := view.Decide(family)
	if in := d.Choose(who, nil); in.Tier == c.Tier && r.next == nil {
		in.Scope = max(in.Scope, c.Scope)
		return in
	}
	if c.Picks = ofType(c.Picks, qtype); len(c.Picks) == 0 {
		c.Kind = policy.NoData
	}
	return c
}

// once leaves out addresses that two targets stand for: a set of records has
// each once (RFC 2181, 5).
func once(picks []policy.Pick) []policy.Pick {
	kept := picks[:0]
	for _, p := range picks {
		if !slices.ContainsFunc(kept, func(k policy.Pick) bool { return k.Addr == p.Addr }) {
			kept = append(kept, p)
		}
	}
	return kept
}

// closed answers with an error. Those that the server writes itself are only
// returned, as plugin.Handler asks, unless there is something to say beside them.
func closed(w dns.ResponseWriter, r *dns.Msg, rcode int) outcome {
	if _, explains := w.(explaining); !explains && !plugin.ClientWrite(rcode) {
		return outcome{rcode: rcode}
	}
	m := newReply(r)
	m.Rcode = rcode
	return outcome{w: w, reply: m}
}
