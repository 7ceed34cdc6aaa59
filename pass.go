package failover

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// pass leaves a question for a name of ours to the next plugins, as if we did
// not know the name, with two differences: they can not deny that it exists,
// and address hints, which would bypass failover, are taken out of HTTPS and
// SVCB records. rec is nil for a name that exists only because a record is
// below it.
func (f *Failover) pass(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record) (int, error) {
	if t := r.Question[0].Qtype; t == dns.TypeAXFR || t == dns.TypeIXFR {
		// A transfer is of a zone, not of a name: it gets what the zone has.
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	b := f.behindOf(rec)
	p := &passing{ResponseWriter: w, hints: rec == nil}
	rcode, err := plugin.NextOrFailure(f.Name(), f.Next, ctx, p, r)
	if failure(err) {
		b.ended.Store(false)
	}
	switch {
	case p.denied != nil:
		return dns.RcodeSuccess, w.WriteMsg(f.noDataLike(r, rec, p.denied))
	case p.failed != nil && !b.ended.Load():
		return rcode, errors.Join(err, w.WriteMsg(p.failed))
	case p.failed == nil && (p.replied || plugin.ClientWrite(rcode) || failure(err)):
		return rcode, err
	case err != nil:
		b.ended.Store(true)
	}
	return dns.RcodeSuccess, w.WriteMsg(f.noDataLike(r, rec, nil))
}

// behind is what is known of the plugins behind us for a name.
type behind struct {
	// ended is whether their last failure was that none of them knows the name.
	// cache keeps any failure as a SERVFAIL, which looks like all the others.
	ended atomic.Bool
}

func (f *Failover) behindOf(rec *record) *behind {
	if rec == nil {
		return &f.behind
	}
	return &rec.behind
}

// passing is the writer that the next plugins see.
type passing struct {
	dns.ResponseWriter
	hints   bool // may stay
	replied bool
	denied  *dns.Msg // the reply that denied that the name exists, or nil
	failed  *dns.Msg // the reply that is but a failure, or nil
}

// WriteMsg implements dns.ResponseWriter.
func (p *passing) WriteMsg(m *dns.Msg) error {
	// With something in the answer section it is the end of a CNAME chain that
	// does not exist (RFC 6604) or that fails, not the name asked for.
	switch {
	case m.Rcode == dns.RcodeNameError && len(m.Answer) == 0:
		p.denied = m
		return nil
	case m.Rcode == dns.RcodeServerFailure && len(m.Answer) == 0:
		p.failed = m
		return nil
	}
	p.replied = true
	if !p.hints {
		m = withoutHints(m)
	}
	return p.ResponseWriter.WriteMsg(m)
}

// Write implements dns.ResponseWriter.
func (p *passing) Write(b []byte) (int, error) {
	p.replied = true
	return p.ResponseWriter.Write(b)
}

// endOfChain is what CoreDNS says when no plugin is left to ask.
var endOfChain = func() string {
	_, err := plugin.NextOrFailure("", nil, context.Background(), nil, nil)
	return errors.Unwrap(err).Error()
}()

// failure tells an error that stands for a failure, such as an upstream that
// does not answer, from the end of the chain, which says that nobody knows
// more of the name. Behind a failure there may be data, so it must not become
// NODATA, which resolvers would remember.
func failure(err error) bool {
	if err == nil {
		return false
	}
	cause := errors.Unwrap(err)
	return cause == nil || cause.Error() != endOfChain
}

// withoutHints returns m without the ipv4hint and ipv6hint of its HTTPS and
// SVCB records (RFC 9460, 7.3). A signed reply stays as it is, as changes would
// break the signature. m itself is not touched: it may be a cache's.
func withoutHints(m *dns.Msg) *dns.Msg {
	if !slices.ContainsFunc(m.Answer, hinting) || slices.ContainsFunc(m.Answer, signature) {
		return m
	}
	m = m.Copy()
	m.AuthenticatedData = false
	for _, rr := range m.Answer {
		if s := service(rr); s != nil {
			s.Value = slices.DeleteFunc(s.Value, hint)
		}
	}
	return m
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
	return s != nil && slices.ContainsFunc(s.Value, hint)
}

func hint(kv dns.SVCBKeyValue) bool {
	return kv.Key() == dns.SVCB_IPV4HINT || kv.Key() == dns.SVCB_IPV6HINT
}

func signature(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG }
