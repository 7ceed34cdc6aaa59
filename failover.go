package failover

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/resolve"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// Failover answers for the records of one server block.
type Failover struct {
	Next plugin.Handler

	// Read-only after New.
	block   model.Block
	zones   plugin.Zones
	records []*record
	names   names
	fastest bool     // a record has that policy
	keys    []string // of the server block: what it serves, and where

	place
	asking asking

	// serving is the server of the block, once it has been asked.
	serving atomic.Pointer[dnsserver.Server]

	// Read-only after the handler has started; nil before.
	claims   *claims
	resolver *resolve.Resolver
	fallback resolve.Asker // asked for an alias where the chain has no answer, or nil
	learned  learned
}

// New returns the handler of a server block. It answers at once, with every
// target's health unknown; probing begins when its configuration starts.
func New(b model.Block) *Failover {
	f := &Failover{block: b, zones: b.Zones, asking: newAsking()}
	for i := range b.Records {
		r := newRecord(&b.Records[i])
		f.records = append(f.records, r)
		f.names.add(r, f.zones)
		f.fastest = f.fastest || r.Policy == model.Fastest
	}
	f.link()
	adopt(f.records...)
	update(f.records...)
	return f
}

// Name implements plugin.Handler.
func (f *Failover) Name() string { return name }

// ServeDNS implements plugin.Handler.
func (f *Failover) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	f.meetServer(ctx)
	if !ours(r) {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	rec, exists := f.names.find(r.Question[0].Name)
	if !exists {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	if rec != nil {
		if family, ok := rec.answering(r.Question[0].Qtype); ok {
			return f.answer(ctx, w, r, rec, family)
		}
	}
	return f.pass(ctx, w, r, rec)
}

// ours reports whether r is of a form that may be for us: a query of class IN.
func ours(r *dns.Msg) bool {
	return r.Opcode == dns.OpcodeQuery && len(r.Question) == 1 && r.Question[0].Qclass == dns.ClassINET
}

// query is a question that a record answers. What is chosen for it goes beside
// it: in the same value it would go to the heap with it.
type query struct {
	w      dns.ResponseWriter
	r      *dns.Msg
	answer *answer
}

// ttl is that of a reply with what was chosen, among others of addresses that
// were learned from the question.
func (q query) ttl(c policy.Choice, learned ...*address) time.Duration {
	return q.answer.record.ttl(q.answer.family, c.Tier, learned...)
}

// answer answers a question with what the record has now.
func (f *Failover) answer(
	ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record, family policy.Family,
) (int, error) {
	if rec.aliased && rec.leadsBack(ctx) {
		rec.looped.Do(func() { logLoop(rec) })
		return dns.RcodeServerFailure, nil
	}
	a := rec.answers[family].Load()
	if a.unresolved {
		rec.resolve(ctx)
		a = rec.answers[family].Load()
	}
	q := query{w, r, a}
	var picks [mostPicks]policy.Pick
	who := rec.client(ctx, w, r)
	if rec.next == nil || !isAddress(r.Question[0].Qtype) {
		return f.write(ctx, q, a.Choose(who, picks[:0]))
	}
	c := a.hopeful.Choose(who, picks[:0])
	if slices.ContainsFunc(c.Picks, isNext) {
		return f.answerNext(ctx, q, c)
	}
	return f.write(ctx, q, c)
}

// mostPicks is how many addresses are answered without an allocation for them.
const mostPicks = 16

// write writes what was chosen.
func (f *Failover) write(ctx context.Context, q query, c policy.Choice) (int, error) {
	rec := q.answer.record
	rec.count(ctx, c)
	switch {
	case c.Kind == policy.Next:
		return f.passOn(ctx, q, c)
	case c.Kind == policy.Closed:
		return closed(q.w, q.r, rec.Fail.Rcode)
	case c.Kind == policy.NoData && q.answer.unresolved && !rec.answersAtAll():
		return dns.RcodeServerFailure, nil // nobody knows whether there is data
	case c.Kind == policy.NoData:
		return f.noData(ctx, q, c)
	default:
		return f.data(ctx, q, c)
	}
}

// data writes the data of the chosen targets.
func (f *Failover) data(ctx context.Context, q query, c policy.Choice) (int, error) {
	rec, qtype := q.answer.record, q.r.Question[0].Qtype
	switch {
	case c.Picks[0].Target.CNAME:
		return f.cname(ctx, q, c)
	case !slices.Contains(rec.Types, qtype) && qtype != dns.TypeCNAME:
		return f.pass(ctx, q.w, q.r, rec) // it was here for the sake of a CNAME
	case !isAddress(qtype):
		return f.fetch(ctx, q, c)
	}
	picks := c.Picks
	if rec.aliased {
		picks = once(picks)
	}
	if q.answer.family == policy.Any {
		picks = ofType(picks, qtype)
	}
	if len(picks) == 0 {
		return f.noData(ctx, q, c)
	}
	return dns.RcodeSuccess, q.w.WriteMsg(q.scoped(message(q.r, picks, q.ttl(c)), c.Scope))
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

// isAddress reports whether records of that type hold addresses.
func isAddress(qtype uint16) bool { return qtype == dns.TypeA || qtype == dns.TypeAAAA }

// closed answers with an error. Those that the server writes itself are only
// returned, as plugin.Handler asks.
func closed(w dns.ResponseWriter, r *dns.Msg, rcode int) (int, error) {
	if !plugin.ClientWrite(rcode) {
		return rcode, nil
	}
	m := newReply(r)
	m.Rcode = rcode
	return rcode, w.WriteMsg(m)
}
