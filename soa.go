package failover

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"

	"github.com/miekg/dns"
)

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
	if known == nil || time.Now().After(known.until) {
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
