package failover

import (
	"context"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// pass leaves a question for a name of ours to the next plugins, as if we did
// not know the name, with two differences: they can not deny that it exists,
// and what would bypass failover is taken out of their replies (bypass.go). rec
// is nil for a name that exists only because a record is below it. Under a
// wildcard whose primary is next only they know which names exist.
func (f *Failover) pass(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record) (int, error) {
	if transfer(r) {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	p := &passing{ResponseWriter: w, handler: f, record: rec}
	rcode, err := plugin.NextOrFailure(f.Name(), f.Next, ctx, p, r)
	if rec.inFrontOfNext() && !p.replied {
		return rcode, err
	}
	if p.denied == nil && (p.replied || err != nil || plugin.ClientWrite(rcode)) {
		return rcode, err
	}
	return dns.RcodeSuccess, w.WriteMsg(f.noDataLike(r, rec, p.denied))
}

// passOn leaves a question that the record answers to the next plugins.
func (f *Failover) passOn(ctx context.Context, q *query, c policy.Choice) (int, error) {
	return f.pass(ctx, capped{passed{q.w, *q, c.Scope}, q.ttl(c)}, q.r, q.record)
}

// inFrontOfNext reports whether the record, which may be nil, is a wildcard
// whose primary is next.
func (r *record) inFrontOfNext() bool {
	return r != nil && r.next != nil && r.next.tier == 1 && r.Wildcard()
}

// nextTells reports whether only the next plugins can tell what a name has of a
// type: silence must then stay that, for the next tier to answer.
func (r *record) nextTells(qtype uint16) bool {
	return r.inFrontOfNext() || r != nil && r.next != nil && r.Wildcard() && isAddress(qtype)
}

// transfer reports whether r asks for a zone and not for a name.
func transfer(r *dns.Msg) bool {
	t := r.Question[0].Qtype
	return t == dns.TypeAXFR || t == dns.TypeIXFR
}

// passing is the writer that the next plugins see.
type passing struct {
	dns.ResponseWriter
	handler *Failover
	record  *record // of the name asked for, or nil
	replied bool
	denied  *dns.Msg // the reply that denied that the name exists, or nil
}

// WriteMsg implements dns.ResponseWriter.
func (p *passing) WriteMsg(m *dns.Msg) error {
	// With something in the answer section it is the end of a CNAME chain that
	// does not exist (RFC 6604), not the name asked for.
	if m.Rcode == dns.RcodeNameError && len(m.Answer) == 0 && !p.record.inFrontOfNext() {
		p.denied = m
		return nil
	}
	p.replied = true
	return p.ResponseWriter.WriteMsg(p.withoutBypass(m))
}

// Write implements dns.ResponseWriter.
func (p *passing) Write(b []byte) (int, error) {
	p.replied = true
	return p.ResponseWriter.Write(b)
}
