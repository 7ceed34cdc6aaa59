package failover

import (
	"context"
	"slices"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// pass leaves a question for a name of ours to the next plugins, as if we did
// not know the name, with two differences: they can not deny that it exists,
// and address hints, which would bypass failover, are taken out of HTTPS and
// SVCB records. rec is nil for a name that exists only because a record is
// below it.
func (f *Failover) pass(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record) (int, error) {
	if transfer(r) {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	p := &passing{ResponseWriter: w, hints: rec == nil}
	rcode, err := plugin.NextOrFailure(f.Name(), f.Next, ctx, p, r)
	if p.denied == nil && (p.replied || err != nil || plugin.ClientWrite(rcode)) {
		return rcode, err
	}
	return dns.RcodeSuccess, w.WriteMsg(f.noDataLike(r, rec, p.denied))
}

// transfer reports whether r asks for a zone and not for a name.
func transfer(r *dns.Msg) bool {
	t := r.Question[0].Qtype
	return t == dns.TypeAXFR || t == dns.TypeIXFR
}

// passing is the writer that the next plugins see.
type passing struct {
	dns.ResponseWriter
	hints   bool // may stay
	replied bool
	denied  *dns.Msg // the reply that denied that the name exists, or nil
}

// WriteMsg implements dns.ResponseWriter.
func (p *passing) WriteMsg(m *dns.Msg) error {
	// With something in the answer section it is the end of a CNAME chain that
	// does not exist (RFC 6604), not the name asked for.
	if m.Rcode == dns.RcodeNameError && len(m.Answer) == 0 {
		p.denied = m
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
