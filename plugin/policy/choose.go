package policy

import (
	"math/rand/v2"
	"net/netip"

	"github.com/coredns-failover/failover/plugin/model"
)

// Pick is an address that is answered.
type Pick struct {
	// Target is the one that the address stands for, in the record that was
	// asked: where the target is another record, not the one within.
	Target *model.Target
	Addr   netip.Addr
}

// Choice is what one query is answered with.
type Choice struct {
	Kind  Kind
	State State
	Tier  int // that answers, 1 is the primary; 0 is none
	// Picks are as passed to Choose, with the addresses that are answered.
	Picks []Pick
	// Scope is how many leading bits of the client's address the choice depended
	// on: SCOPE PREFIX-LENGTH (RFC 7871, 7.2.1). Every address that has them in
	// common would get the same choice, but for chance. It is above the number of
	// known bits where more of them could have led to another choice.
	Scope int
}

// query is a query as it is answered.
type query struct {
	client Client
	scope  int
}

// depend notes that the choice depends on that many leading bits.
func (q *query) depend(bits int) { q.scope = max(q.scope, bits) }

// prefix is what is known of the client's address; an IPv4 address in IPv6 form
// is one of IPv4.
func (q *query) prefix() netip.Prefix {
	p := q.client.Prefix()
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-mapped)
	}
	return p.Masked()
}

// mapped is the length of ::ffff:0:0/96 (RFC 4291, 2.5.5.2).
const mapped = 96

// Choose chooses for one query. It appends the addresses to picks, and allocates
// nothing where they fit in. The client is asked only by policies that need to
// know. Inlined, it would leave what it takes to choose on the stack of every query.
//
//go:noinline
func (d *Decision) Choose(c Client, picks []Pick) Choice {
	if d.table == nil {
		return d.chooseOnly(picks)
	}
	q := query{client: c}
	sample := newSample(picks)
	s := d.choose(&q, &sample)
	return Choice{Kind: s.Kind, State: s.State, Tier: s.Tier, Picks: sample.picks(), Scope: q.scope}
}

// chooseOnly is the choice where every query has the same.
func (d *Decision) chooseOnly(picks []Pick) Choice {
	sample := newSample(picks)
	if d.Kind == Answer {
		sample.add([]Pick{d.only})
	}
	return Choice{Kind: d.Kind, State: d.State, Tier: int(d.Tier), Picks: sample.picks()}
}

// choose samples what the client is answered, and returns the step that takes it.
// Nothing that is called from here may return what the sample or the query holds:
// in functions that call each other in a circle, as those of nested records do,
// the compiler would put both on the heap.
func (d *Decision) choose(q *query, sample *sample) *step {
	m := match{query: q}
	d.match(&m)
	s := &d.steps[d.trickle(&m, d.find(&m))]
	if s.Kind == Answer {
		s.pick(&m, sample)
	}
	return s
}

// match finds how the client matches the record's clients.
func (d *Decision) match(m *match) {
	if !d.steps[0].everyone && d.rules.Policy == model.Clients {
		d.rules.clients.match(m)
	}
}

// find returns the first step that takes the client.
func (d *Decision) find(m *match) int {
	i := 0
	for !d.steps[i].takes(m) {
		i++
	}
	if d.steps[i].isElsewhere() && !d.hasCandidates(m) {
		return len(d.steps) - 1
	}
	return i
}

// hasCandidates reports whether there is anything of the family for the client.
// That may be what is eligible alone, where it is of an alias (see nestedOptions).
func (d *Decision) hasCandidates(m *match) bool {
	for i := range d.steps {
		if s := &d.steps[i]; len(s.options) > 0 && s.takes(m) {
			return true
		}
	}
	return false
}

// trickle returns the step of the next eligible tier for the share of queries
// that is to keep it warm, and for all others the i-th as it is.
func (d *Decision) trickle(m *match, i int) int {
	if !d.steps[i].trickles || rand.IntN(100) >= d.rules.Trickle {
		return i
	}
	return d.standby(m, i)
}

// standby returns the step of the next eligible tier behind that of the i-th, or
// that one where there is none. It never goes up to a tier that is held back.
func (d *Decision) standby(m *match, i int) int {
	for next := i + 1; next < len(d.steps); next++ {
		if s := &d.steps[next]; s.enough && s.Tier > d.steps[i].Tier && s.takes(m) {
			return next
		}
	}
	return i
}

// pick samples the addresses of the targets that the policy chooses.
func (s *step) pick(m *match, sample *sample) {
	sample.limit = int(s.limit)
	switch {
	case s.picks != nil:
		sample.add(s.picks)
	case s.rules.Policy == model.Clients:
		s.pickMatching(m, sample)
	case s.rules.Policy == model.Nearest:
		s.pickNearest(m.query, sample)
	case s.choosesOne():
		s.add(s.one(m.query), m.query, sample)
	default:
		s.pickAll(m.query, sample)
	}
	sample.shuffle()
}

// choosesOne reports whether the policy is one that chooses a single target.
func (s *step) choosesOne() bool {
	switch s.rules.Policy {
	case model.Weighted, model.Sticky, model.Fastest:
		return true
	}
	return false
}

// one returns the option that the policy chooses. Where there is but one, the
// choice depends on nothing.
func (s *step) one(q *query) int {
	switch {
	case len(s.options) == 1:
		return 0
	case s.rules.Policy == model.Weighted:
		return s.weighted(q)
	case s.rules.Policy == model.Sticky:
		return s.sticky(q)
	default:
		return s.fastest(q)
	}
}

// add adds the addresses of the i-th option to the sample. What another record
// chooses goes into the room behind it first.
func (s *step) add(i int, q *query, all *sample) {
	o := &s.options[i]
	if o.child == nil {
		all.add(o.picks)
		return
	}
	within := sample{room: all.room[all.n:]}
	o.child.decision.choose(q, &within)
	picks := within.picks()
	for j := range picks {
		picks[j].Target = o.Target
	}
	all.add(picks)
}
