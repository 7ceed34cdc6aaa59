package failover

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/miekg/dns"
)

// record is a model.Record at work: with the health of its targets, and with
// what it answers until that changes.
//
// It is what questions read, on lines of the cache that follow each other: of many records
// the one that is asked for is in no cache of the processor, and each place that lies
// elsewhere would be waited for as long. Everything else is in its upkeep.
type record struct {
	// answers holds what each family's questions are answered with: a query
	// reads it with one atomic load.
	answers [policy.Any + 1]atomic.Pointer[answer]
	*upkeep
	served answered

	// Read-only after New.
	longest    uint32 // the TTL of its answers at most, in seconds
	shortens   bool   // its TTL may be less
	asksClient bool   // answers depend on who asks
	aliased    bool   // a target is an alias, which may lead back to here
	cname      bool   // a target is answered with a CNAME

	// first and second are room for the first answers of two families, which most records
	// never change. The name is between them: a question for either reads lines that follow
	// each other.
	first  answer
	name   ownName
	second answer
}

// upkeep is what keeps the answers of a record up to date, and tells of them.
type upkeep struct {
	// Read-only after New.
	policy.Rules
	handler  *Failover
	targets  targets
	parents  []*record // that have this one as a target
	askedFor families
	// addressless is whether no type that it answers is one of addresses: then
	// its targets need none either.
	addressless bool
	next        *target // the one that stands for the next plugins, or nil

	// past is what has changed. Read-only after the handler has started: a reload hands
	// it on.
	past *past

	servedBehind []atomic.Uint64 // see record.counter

	signed atomic.Bool // it has been warned that a signed reply can not be filtered
	looped atomic.Bool // it has been told that an alias leads back to the record
	soa    soaCache

	height  int32      // see rank
	stopped bool       // by the end of its configuration; under mu
	mu      sync.Mutex // one update at a time
	holds   *holds     // see failback; nil where a record fails back at once, as most do

	bases [2]basis // of the record's first and second answer
}

// make makes a record, whose own place is not of the batch.
func (b *batch) make(r *record, m *model.Record) {
	r.upkeep = &take(&b.upkeeps, 1)[0]
	r.Rules, r.past = *policy.NewRules(m), new(past)
	r.longest, r.shortens = uint32(m.TTL.Max/time.Second), m.TTL.Min < m.TTL.Max
	r.targets = take(&b.targets, size(m))
	r.servedBehind = make([]atomic.Uint64, max(0, len(m.Tiers)+1-len(r.served)))
	if m.Failback.Mode != model.FailbackAuto {
		r.holds = &holds{decided: make([]bool, len(m.Tiers))}
	}
	r.addressless = !slices.ContainsFunc(m.Types, isAddress)
	for i, tier := range m.Tiers {
		for j := range tier {
			t := &r.tier(i + 1)[j]
			t.become(r, i+1, &tier[j], &b.lones)
			r.cname = r.cname || t.CNAME
			if t.Kind == model.Next {
				r.next = t
			}
		}
	}
	for _, t := range m.Types {
		r.askedFor |= 1 << r.familyOf(t)
	}
}

// families are those of the questions that a record answers, a bit for each.
type families uint8

// families returns those of the questions that the record answers. One with a CNAME
// has one choice for all types.
func (r *record) families() []policy.Family { return subsets[r.askedFor] }

// subsets are the families of each set.
var subsets = func() (subsets [1 << (policy.Any + 1)][]policy.Family) {
	for set := range subsets {
		for f := range policy.Any + 1 {
			if set>>f&1 == 1 {
				subsets[set] = append(subsets[set], f)
			}
		}
	}
	return subsets
}()

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

// tier returns the targets of a tier.
func (r *record) tier(tier int) targets {
	before := 0
	for i := range tier - 1 {
		before += len(r.Tiers[i])
	}
	return r.targets[before:][:len(r.Tiers[tier-1])]
}

// decide decides anew what the record answers.
func (r *record) decide() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds.notice(r)
	now := time.Now()
	var view *policy.Record
	var wake time.Time
	for i, f := range r.families() {
		if view == nil || r.aliased || r.next != nil { // each family has what it sees of those
			view = r.view(f, lens{})
		}
		before := r.answers[f].Load()
		after, b := r.blank(i, before)
		*after, *b = answer{family: f, basis: b}, basis{record: r}
		if again := after.decide(view, now); wake.IsZero() || !again.IsZero() && again.Before(wake) {
			wake = again
		}
		if after.since = now.UnixNano(); before != nil && !before.actual().Differs(after.actual()) {
			after.since = before.since
		}
		if before == nil || !before.equals(after) {
			r.answers[f].Store(after)
		}
	}
	r.wakeAt(wake)
}

// dependsOn reports whether a transition of one of its checks can change what the record
// answers. A first verdict that is healthy does not, for unknown is as eligible; only
// what failback waits for is verdicts themselves.
func (r *record) dependsOn(t engine.Transition) bool {
	return t.From.Eligible() != t.To.Eligible() || r.holds != nil
}

// blank returns room for what takes the place of an answer of the i-th family: the
// record's own where no answer has had it yet.
func (r *record) blank(i int, before *answer) (*answer, *basis) {
	switch hadIts := before != nil && before.record == r; {
	case i == 0 && !hadIts:
		return &r.first, &r.bases[0]
	case i == 1 && !hadIts:
		return &r.second, &r.bases[1]
	default:
		return new(answer), new(basis)
	}
}

// stop ends what the record does by itself.
func (r *record) stop() {
	r.past.countNoMore(r)
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
	for _, f := range r.families() {
		if a := r.answers[f].Load(); a != nil {
			all = append(all, a)
		}
	}
	return all
}

// view is what the record's targets stand for now, as package policy sees it.
func (r *record) view(f policy.Family, l lens) *policy.Record {
	v := &policy.Record{Rules: &r.Rules, Tiers: make([]policy.Tier, len(r.Tiers))}
	for _, a := range r.answersIn(f) {
		v.Start = max(v.Start, int(a.start))
	}
	for i := range v.Tiers {
		targets := r.tier(i + 1)
		v.Tiers[i] = make(policy.Tier, len(targets))
		for j := range targets {
			v.Tiers[i][j] = targets[j].view(f, l)
		}
	}
	return v
}

// count counts what a question was answered with, and tells it to other plugins.
func (r *record) count(ctx context.Context, c policy.Choice) {
	r.counter(c.Tier).Add(1)
	r.describe(ctx, c)
}

// answersAtAll reports whether a tier answers in any family.
func (r *record) answersAtAll() bool {
	return slices.ContainsFunc(r.families(), func(f policy.Family) bool { return r.answers[f].Load().Tier > 0 })
}

// state is the worst of the record's families.
func (r *record) state() policy.State {
	worst := policy.Normal
	for f := range r.answers {
		if a := r.answers[f].Load(); a != nil {
			worst = max(worst, a.actual().State)
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
