package failover

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/pkg/dnsutil"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"

	"github.com/miekg/dns"
)

// noData answers that the record's name exists, but not with the type asked
// for: NOERROR with an SOA in the authority section (RFC 2308, 2.2).
func (f *Failover) noData(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record) (int, error) {
	m := newReply(r)
	m.Ns = []dns.RR{withTTL(f.soa(ctx, w, r, rec), rec.TTL.Max)}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// noDataLike is the same where the next plugins denied the name, with the SOA
// of their denial, or where they had no reply to give, which is nil.
func (f *Failover) noDataLike(r *dns.Msg, rec *record, denial *dns.Msg) *dns.Msg {
	m := newReply(r)
	ttl, name := defaultTTL, strings.ToLower(r.Question[0].Name)
	if rec != nil {
		ttl, name = rec.TTL.Max, rec.Name
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

// soaOf returns the SOA that a reply of the next plugins to a question for
// qname carries, or nil. One from above the server block's zone is not taken:
// dnssec could not sign it.
func (f *Failover) soaOf(m *dns.Msg, qname string) *dns.SOA {
	zone := f.zones.Matches(strings.ToLower(qname))
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			soa, ok := rr.(*dns.SOA)
			if ok && dns.IsSubDomain(zone, soa.Hdr.Name) && dns.IsSubDomain(soa.Hdr.Name, qname) {
				return soa
			}
		}
	}
	return nil
}

// soaCache remembers the SOA of the zone that a record is in, as the next
// plugins give it.
type soaCache struct {
	known atomic.Pointer[knownSOA]
	busy  atomic.Bool // somebody is asking
}

type knownSOA struct {
	soa   *dns.SOA
	until time.Time
}

// learn remembers soa. Where it is nil, what was known before stays: an upstream
// that is down must not change the owner of our negative answers.
func (c *soaCache) learn(soa *dns.SOA) {
	good := remembered
	if soa == nil {
		good = missed
		if known := c.known.Load(); known != nil {
			soa = known.soa
		}
	}
	c.known.Store(&knownSOA{soa, time.Now().Add(good)})
}

const (
	// patience is how long a query waits for the next plugins to give an SOA.
	// Local data takes microseconds; an upstream that is down must not hold up
	// an answer that does not depend on it.
	patience = 20 * time.Millisecond
	// remembered is how long an SOA is good for, and missed how long it is until
	// the next question where there was none.
	remembered = 5 * time.Minute
	missed     = 10 * time.Second
	// askingAtOnce bounds the goroutines that ask for one server block.
	askingAtOnce = 16
	// askingTime is how long one of them may take.
	askingTime = 5 * time.Second
)

// asking holds a token for each goroutine that asks the next plugins.
type asking chan struct{}

func newAsking() asking { return make(asking, askingAtOnce) }

// soa returns the SOA for negative answers of a record: the one that the next
// plugins give for its name, else one of our own. They are asked once in a
// while, by one query at a time.
func (f *Failover) soa(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, rec *record) *dns.SOA {
	known := rec.soa.known.Load()
	if (known == nil || time.Now().After(known.until)) && f.Next != nil {
		f.refresh(ctx, w, r.Question[0].Name, rec)
		known = rec.soa.known.Load()
	}
	if known == nil || known.soa == nil {
		return f.ownSOA(rec.Name)
	}
	return known.soa
}

// refresh asks the next plugins, and waits for them as long as patience lasts.
func (f *Failover) refresh(ctx context.Context, w dns.ResponseWriter, qname string, rec *record) {
	if !rec.soa.busy.CompareAndSwap(false, true) {
		return
	}
	select {
	case f.asking <- struct{}{}:
	default: // enough are asking
		rec.soa.busy.Store(false)
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { <-f.asking }()
		defer rec.soa.busy.Store(false)
		rec.soa.learn(f.askSOA(ctx, w, qname))
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// askSOA asks the next plugins for the SOA of the zone that qname is in. It may
// outlive the query that set it off, so that query's metadata and deadline are
// not for it; and where one of them panics, the server does not recover here.
func (f *Failover) askSOA(ctx context.Context, w dns.ResponseWriter, qname string) *dns.SOA {
	defer func() {
		if r := recover(); r != nil {
			log.Errorf("Asking the next plugins for the SOA of %s: %v", qname, r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askingTime)
	defer cancel()
	ctx = metadata.ContextWithMetadata(ctx)
	nw := nonwriter.New(w)
	question := new(dns.Msg).SetQuestion(strings.ToLower(qname), dns.TypeSOA)
	if _, err := plugin.NextOrFailure(f.Name(), f.Next, ctx, nw, question); err != nil || nw.Msg == nil {
		return nil
	}
	return f.soaOf(nw.Msg, qname)
}
