package failover

import (
	"context"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// Failover answers for the records of one server block.
type Failover struct {
	Next plugin.Handler

	// Read-only after New.
	zones   plugin.Zones
	records []*record
	names   names
	keys    []string // of the server block: what it serves, and where

	place
	asking asking
}

// New returns the handler of a server block. It answers at once, with every
// target's health unknown; probing begins when its configuration starts.
func New(b model.Block) *Failover {
	f := &Failover{zones: b.Zones, asking: newAsking()}
	for i := range b.Records {
		r := newRecord(&b.Records[i])
		f.records = append(f.records, r)
		f.names.add(r, f.zones)
	}
	return f
}

// Name implements plugin.Handler.
func (f *Failover) Name() string { return name }

// ServeDNS implements plugin.Handler.
func (f *Failover) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if !ours(r) {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	rec, exists := f.names.find(r.Question[0].Name)
	if !exists {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	if rec != nil {
		if family, ok := rec.answering(r.Question[0].Qtype); ok {
			return f.answer(ctx, w, r, rec.answers[family].Load())
		}
	}
	return f.pass(ctx, w, r, rec)
}

// ours reports whether r is of a form that may be for us: a query of class IN.
func ours(r *dns.Msg) bool {
	return r.Opcode == dns.OpcodeQuery && len(r.Question) == 1 && r.Question[0].Qclass == dns.ClassINET
}

// answer writes what the record answers now.
func (f *Failover) answer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, a *answer) (int, error) {
	a.served.Add(1)
	var stack [16]int
	picked := a.pick(stack[:0])
	a.describe(ctx, picked)
	switch a.Kind {
	case policy.Next:
		return f.pass(ctx, w, r, a.record)
	case policy.NoData:
		return f.noData(ctx, w, r, a.record)
	case policy.Closed:
		return closed(w, r, a.record.Fail.Rcode)
	default:
		return dns.RcodeSuccess, w.WriteMsg(a.message(r, picked))
	}
}

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
