package failover

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// record is a model.Record at work: with the health of its targets, and with
// what it answers until that changes.
type record struct {
	// What every question reads comes first, on one line of the cache, and with a copy
	// of what it needs of the model: of many records the one that is asked for is in
	// no cache of the processor, and each place to look at takes as long as the rest of
	// the work.

	// answers holds what each family's questions are answered with: a query
	// reads it with one atomic load.
	answers [policy.Any + 1]atomic.Pointer[answer]
	// served counts the answers. Read-only after the handler has started, like past,
	// which is what has changed, and key: a reload hands them on.
	served *answered

	// Read-only after New.
	asksClient bool // answers depend on who asks
	aliased    bool // a target is an alias, which may lead back to here
	cname      bool // a target is answered with a CNAME
	// addressless is whether no type that it answers is one of addresses: then
	// its targets need none either.
	addressless bool
	next        *target   // the one that stands for the next plugins, or nil
	TTL         model.TTL // as in the model

	*model.Record

	// Read-only after New.
	rules    *policy.Rules
	tiers    [][]*target
	families []policy.Family // of the questions that it answers
	handler  *Failover
	parents  []*record // that have this one as a target
	height   int       // see rank

	past *past
	key  recordKey

	soa    soaCache
	signed sync.Once // the warning that a signed reply can not be filtered
	looped sync.Once // the error that an alias leads back to the record

	mu      sync.Mutex  // one update at a time
	holds   holds       // see failback
	decided []bool      // which tiers have had a verdict
	wake    *time.Timer // decides anew when a hold ends, or nil
	stopped bool        // by the end of its configuration
}

// holds are those of the families; nil where a record fails back at once, as most do.
type holds map[policy.Family]verdict.Hold

func (h *holds) set(f policy.Family, hold verdict.Hold) {
	if *h == nil {
		*h = make(holds)
	}
	(*h)[f] = hold
}

func newRecord(m *model.Record) *record {
	r := &record{
		Record: m, TTL: m.TTL, rules: policy.NewRules(m), past: new(past),
		tiers: make([][]*target, len(m.Tiers)), decided: make([]bool, len(m.Tiers)), served: newAnswered(len(m.Tiers)),
	}
	r.addressless = !slices.ContainsFunc(m.Types, isAddress)
	for i, tier := range m.Tiers {
		r.tiers[i] = make([]*target, len(tier))
		for j := range tier {
			t := newTarget(r, i+1, &tier[j])
			r.tiers[i][j] = t
			r.cname = r.cname || t.CNAME
			if t.Kind == model.Next {
				r.next = t
			}
		}
	}
	r.families = r.familiesOf(m.Types)
	return r
}

// familiesOf returns the families that questions of these types belong to. A
// record with a CNAME has one choice for all types.
func (r *record) familiesOf(types []uint16) []policy.Family {
	var families []policy.Family
	for _, t := range types {
		if f := r.familyOf(t); !slices.Contains(families, f) {
			families = append(families, f)
		}
	}
	slices.Sort(families)
	return families
}

func (r *record) familyOf(qtype uint16) policy.Family {
	switch {
	case r.cname:
		return policy.Any
	case qtype == dns.TypeA:
		return policy.IPv4
	case qtype == dns.TypeAAAA:
		return policy.IPv6
	default:
		return policy.Any
	}
}

// answering returns the family that questions of type qtype belong to, and
// whether the record answers them. There is nothing beside a CNAME (RFC 1034,
// 3.6.2), so a record that may have one answers all types but those that speak
// of zones and signatures.
func (r *record) answering(qtype uint16) (policy.Family, bool) {
	if f := r.familyOf(qtype); f != policy.Any {
		return f, r.answers[f].Load() != nil // there is one for each of the families
	}
	ok := slices.Contains(r.Types, qtype) || r.cname && !slices.Contains(ofZones, qtype)
	return policy.Any, ok
}

// has reports whether questions of type qtype are for the record even while it
// answers with no CNAME.
func (r *record) has(qtype uint16) bool {
	return slices.Contains(r.Types, qtype) || qtype == dns.TypeCNAME
}

// ofZones are the types that are left to the plugins that have the zone.
var ofZones = []uint16{
	dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY,
	dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR,
}

// targets returns those of all tiers.
func (r *record) targets() []*target { return slices.Concat(r.tiers...) }

// decide decides anew what the record answers.
func (r *record) decide() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noticeVerdicts()
	now := time.Now()
	var wake time.Time
	for _, f := range r.families {
		before, after := r.answers[f].Load(), newAnswer(r, f)
		if again := after.decide(now); wake.IsZero() || !again.IsZero() && again.Before(wake) {
			wake = again
		}
		if after.since = now; before != nil && !before.actual.Differs(after.actual) {
			after.since = before.since
		}
		r.answers[f].Store(after)
	}
	r.wakeAt(wake)
}

// noticeVerdicts notes which tiers have had a verdict by now: better tiers that
// have not are nothing to hold against.
func (r *record) noticeVerdicts() {
	for i, tier := range r.tiers {
		r.decided[i] = r.decided[i] || !slices.ContainsFunc(tier, (*target).undecided)
	}
}

// wakeAt has the record decide anew at that time, or at no time where it is
// zero.
func (r *record) wakeAt(at time.Time) {
	if r.wake != nil {
		r.wake.Stop()
		r.wake = nil
	}
	if !at.IsZero() && !r.stopped {
		r.wake = time.AfterFunc(time.Until(at), func() { healthcheck.update(r) })
	}
}

// stop ends what the record does by itself.
func (r *record) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.wakeAt(time.Time{})
}

// answersIn returns what questions of family f are answered with: by two families
// where the record chooses for each, and is asked for either.
func (r *record) answersIn(f policy.Family) []*answer {
	if r.cname {
		f = policy.Any
	}
	if a := r.answers[f].Load(); a != nil {
		return []*answer{a}
	}
	var all []*answer
	for _, f := range r.families {
		if a := r.answers[f].Load(); a != nil {
			all = append(all, a)
		}
	}
	return all
}

// view is what the record's targets stand for now, as package policy sees it.
func (r *record) view(f policy.Family, l lens) *policy.Record {
	v := &policy.Record{Rules: r.rules, Tiers: make([]policy.Tier, len(r.tiers))}
	for _, a := range r.answersIn(f) {
		v.Start = max(v.Start, a.start)
	}
	for i, targets := range r.tiers {
		v.Tiers[i] = make(policy.Tier, len(targets))
		for j, t := range targets {
			v.Tiers[i][j] = t.view(f, l)
		}
	}
	return v
}

// count counts what a question was answered with, and tells it to other plugins.
func (r *record) count(ctx context.Context, c policy.Choice) {
	r.served.of(c.Tier).Add(1)
	r.describe(ctx, c)
}

// answersAtAll reports whether a tier answers in any family.
func (r *record) answersAtAll() bool {
	return slices.ContainsFunc(r.families, func(f policy.Family) bool { return r.answers[f].Load().Tier > 0 })
}

// state is the worst of the record's families.
func (r *record) state() policy.State {
	worst := policy.Normal
	for f := range r.answers {
		if a := r.answers[f].Load(); a != nil {
			worst = max(worst, a.actual.State)
		}
	}
	return worst
}

// answersWith reports whether the record answers the type that addr is of.
func (r *record) answersWith(addr netip.Addr) bool { return slices.Contains(r.Types, typeOf(addr)) }

// typeOf returns the type of the records that hold addr.
func typeOf(addr netip.Addr) uint16 {
	if addr.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}
