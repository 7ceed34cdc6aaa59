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
	asking  asking
	chaotic chaotic

	// serving is the server of the block, once it has been asked.
	serving atomic.Pointer[dnsserver.Server]

	at recordKey // of its records, but for zone and name; read-only after the handler has started

	// Read-only after the handler has started; nil before.
	claims   *claims
	resolver *resolve.Resolver
	fallback resolve.Asker // asked for an alias where the chain has no answer, or nil
	learned  learned
}

// New returns the handler of a server block. It answers at once, with every
// target's health unknown; probing begins when its configuration starts.
func New(b model.Block) *Failover {
	f := newHandler(b)
	f.decideUnknown()
	return f
}

// newHandler returns a handler that is yet to decide what it answers.
func newHandler(b model.Block) *Failover {
	f := &Failover{block: b, zones: b.Zones, asking: newAsking(), names: newNames(&b)}
	room := newBatch(b.Records)
	for i := range b.Records {
		r := f.names.place(&b.Records[i])
		room.make(r, &b.Records[i])
		f.records = append(f.records, r)
		f.fastest = f.fastest || r.Policy == model.Fastest
	}
	f.link()
	adopt(f.records...)
	return f
}

// decideUnknown decides what the handler answers while nothing is known: what is told
// first is how that changes.
func (f *Failover) decideUnknown() {
	for _, r := range update(f.records...) {
		r.look()
	}
}

// Name implements plugin.Handler.
func (f *Failover) Name() string { return name }

// ServeDNS implements plugin.Handler.
func (f *Failover) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	f.meetServer(ctx)
	if !ours(r) {
		return f.others(ctx, w, r)
	}
	rec, exists := f.names.find(r.Question[0].Name)
	if !exists {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	if rec != nil {
		if family, ok := rec.answering(r.Question[0].Qtype); ok {
			return f.answer(ctx, w, r, rec, family).write()
		}
	}
	return f.pass(ctx, w, r, rec)
}

// ours reports whether r is of a form that may be for us: a query of class IN.
func ours(r *dns.Msg) bool {
	return r.Opcode == dns.OpcodeQuery && len(r.Question) == 1 && r.Question[0].Qclass == dns.ClassINET
}

// others leaves a message to the next plugins that is not for us, unless it asks
// for the status of a record.
func (f *Failover) others(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if r.Opcode == dns.OpcodeQuery && len(r.Question) == 1 && r.Question[0].Qclass != dns.ClassINET {
		return f.serveChaos(ctx, w, r)
	}
	return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
}

// query is a question that a record answers. What is chosen for it goes beside
// it: in the same value it would go to the heap with it.
type query struct {
	w      dns.ResponseWriter
	r      *dns.Msg
	record *record
	answer *answer
	who    policy.Client // nil where nothing depends on it
	// learned are the addresses that only the question has told of.
	learned []*address
}

// ttl is that of a reply with what was chosen.
func (q *query) ttl(c policy.Choice) time.Duration {
	return q.record.ttl(q.answer.family, c.Tier, q.learned...)
}

// answer answers a question with what the record has now. Inlined, it would leave what it
// takes to choose on the stack while the answer is written.
//
//go:noinline
func (f *Failover) answer(
	ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record, family policy.Family,
) outcome {
	if rec.aliased && rec.leadsBack(ctx) {
		if !rec.looped.Swap(true) {
			logLoop(rec)
		}
		return outcome{rcode: dns.RcodeServerFailure}
	}
	a := rec.answers[family].Load()
	if a.unresolved {
		rec.resolve(ctx)
		a = rec.answers[family].Load()
	}
	q := &query{w: w, r: r, record: rec, answer: a, who: rec.client(ctx, w, r)}
	if a.hopes && isAddress(r.Question[0].Qtype) {
		return f.hope(ctx, q)
	}
	var picks [mostPicks]policy.Pick
	return f.settle(ctx, q, a.Choose(q.who, picks[:0]))
}

// hope answers a question where the next plugins may have to be asked.
func (f *Failover) hope(ctx context.Context, q *query) outcome {
	var picks [mostPicks]policy.Pick
	c := q.answer.hopeful.Choose(q.who, picks[:0])
	if slices.ContainsFunc(c.Picks, isNext) || q.record.needsNext(c) {
		return f.answerNext(ctx, q, c)
	}
	return f.settle(ctx, q, c)
}

// needsNext reports whether what was chosen may stand only if next is healthy,
// though that was not picked: its tier must have more targets than one.
func (r *record) needsNext(c policy.Choice) bool {
	return c.Kind == policy.Answer && c.Tier == r.next.tier && r.MinHealthy.Of(len(r.tier(c.Tier))) > 1
}

// mostPicks is how many addresses are answered without an allocation for them: as
// many as Route 53 answers at most. Room for more would make a query's stack grow,
// which takes longer than the allocation.
const mostPicks = 8

// isAddress reports whether records of that type hold addresses.
func isAddress(qtype uint16) bool { return qtype == dns.TypeA || qtype == dns.TypeAAAA }
