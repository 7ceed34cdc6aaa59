package failover

import (
	"context"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin/pkg/dnsutil"

	"github.com/miekg/dns"
)

// noData answers that the record's name exists, but not with the type asked
// for: NOERROR with an SOA in the authority section (RFC 2308, 2.2).
func (f *Failover) noData(ctx context.Context, q *query, c policy.Choice) outcome {
	m := newReply(q.r)
	m.Ns = []dns.RR{withTTL(f.soa(ctx, q.w, q.r, q.record), q.ttl(c))}
	return outcome{w: q.w, reply: q.scoped(m, c.Scope)}
}

// noDataLike is the same where the next plugins denied the name, with the SOA
// of their denial, or where they had no reply to give, which is nil.
func (f *Failover) noDataLike(r *dns.Msg, rec *record, denial *dns.Msg) *dns.Msg {
	m := newReply(r)
	ttl, name := defaultTTL, strings.ToLower(r.Question[0].Name)
	if rec != nil {
		ttl, name = rec.ttl(rec.familyOf(r.Question[0].Qtype), 0), rec.Name
	}
	soa := f.ownSOA(name)
	if denial != nil {
		m.Authoritative = denial.Authoritative
		m.RecursionAvailable = denial.RecursionAvailable
		if theirs := f.soaOf(denial, r.Question[0].Name); theirs != nil {
			soa = theirs
		}
	}
	m.Ns = []dns.RR{withTTL(soa, ttl)}
	return m
}

// defaultTTL is that of negative answers for names that exist only because a
// record is below them.
const defaultTTL = 30 * time.Second

// ownSOA is the SOA that we give for a name where the next plugins have none.
// It is owned by the longest zone of the server block or, in a block for the
// root, which is not ours to speak for, by the name itself.
func (f *Failover) ownSOA(name string) *dns.SOA {
	owner := f.zones.Matches(name)
	if owner == "." {
		owner = base(name)
	}
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET},
		Ns:      below(owner, "ns"),
		Mbox:    below(owner, "hostmaster"),
		Serial:  1,
		Refresh: 7200,
		Retry:   1800,
		Expire:  86400,
	}
}

// longestName is how long a name can be in text (RFC 1035, 2.3.4), if nothing in
// it is escaped.
const longestName = 254

// below returns the name label directly below owner, or owner if that would be
// too long.
func below(owner, label string) string {
	if len(label)+len(".")+len(owner) > longestName {
		return owner
	}
	return dnsutil.Join(label, owner)
}

// withTTL returns soa with TTL and MINIMUM of ttl. Both bound how long a
// negative answer is remembered (RFC 2308, 5), and that must not delay a
// recovery.
func withTTL(soa *dns.SOA, ttl time.Duration) *dns.SOA {
	mine := *soa
	mine.Hdr.Ttl, mine.Minttl = uint32(ttl/time.Second), uint32(ttl/time.Second)
	return &mine
}
