package failover

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// record is a model.Record at work: with the health of its targets, and with
// what it answers until that changes.
type record struct {
	*model.Record

	// Read-only after newRecord.
	tiers    [][]*target
	families [2]bool // the families whose questions it answers

	// served counts the answers by tier; 0 is those without one. Read-only
	// after the handler has started: a reload hands the counters on.
	served []*atomic.Uint64

	// answers holds what each family's questions are answered with: a query
	// reads it with one atomic load.
	answers [2]atomic.Pointer[answer]
	soa     soaCache

	mu sync.Mutex // one update at a time
}

// target is a model.Target at work.
type target struct {
	*model.Target
	record    *record
	tier      int        // 1 is the primary
	addresses []*address // what the target stands for now

	// transitions counts the changes of verdict by the verdict they led to.
	// It is handed on by a reload, like record.served.
	transitions *[3]atomic.Uint64
}

// address is one address of a target. Its health is its own.
type address struct {
	netip.Addr
	target *target
	// checks are as many as the target's, in their order. Read-only after the
	// handler has started.
	checks []health
}

func newRecord(m *model.Record) *record {
	r := &record{Record: m}
	for _, t := range m.Types {
		switch t {
		case dns.TypeA:
			r.families[policy.IPv4] = true
		case dns.TypeAAAA:
			r.families[policy.IPv6] = true
		}
	}
	r.served = append(r.served, new(atomic.Uint64))
	for i, tier := range m.Tiers {
		r.served = append(r.served, new(atomic.Uint64))
		var targets []*target
		for j := range tier {
			targets = append(targets, newTarget(r, i+1, &tier[j]))
		}
		r.tiers = append(r.tiers, targets)
	}
	r.update()
	return r
}

func newTarget(r *record, tier int, m *model.Target) *target {
	t := &target{Target: m, record: r, tier: tier, transitions: new([3]atomic.Uint64)}
	a := &address{Addr: m.Addr, target: t, checks: make([]health, len(m.Checks))}
	for i := range m.Checks {
		a.checks[i] = unprobed(&m.Checks[i])
	}
	t.addresses = []*address{a}
	return t
}

// answering returns the family that questions of type qtype ask for, and
// whether the record answers them.
func (r *record) answering(qtype uint16) (policy.Family, bool) {
	switch qtype {
	case dns.TypeA:
		return policy.IPv4, r.families[policy.IPv4]
	case dns.TypeAAAA:
		return policy.IPv6, r.families[policy.IPv6]
	}
	return 0, false
}

// verdict is that of the address's checks together. An address without checks
// is always healthy (Route 53's rule).
func (a *address) verdict() verdict.Verdict {
	var stack [8]verdict.Verdict
	vs := stack[:0]
	for _, c := range a.checks {
		vs = append(vs, c.Verdict())
	}
	return verdict.Require(a.target.Require, vs...)
}

// change is a new decision of a record.
type change struct {
	record   *record
	family   policy.Family
	from, to policy.Decision
}

// update decides anew what the record answers, and returns what has changed.
func (r *record) update() []change {
	r.mu.Lock()
	defer r.mu.Unlock()
	measured := r.view(func(a *address) bool { return a.verdict().Eligible() })
	assumed := measured
	if r.Observe {
		assumed = r.view(func(*address) bool { return true })
	}
	var changes []change
	for _, f := range policy.Families {
		if !r.families[f] {
			continue
		}
		before, after := r.answers[f].Load(), newAnswer(r, policy.Decide(r.Record, f, assumed))
		after.measured = policy.Decide(r.Record, f, measured)
		r.answers[f].Store(after)
		if before != nil && before.measured.Differs(after.measured) {
			changes = append(changes, change{r, f, before.measured, after.measured})
		}
	}
	return changes
}

// view is what the record's targets stand for now, as package policy sees it.
func (r *record) view(eligible func(*address) bool) []policy.Tier {
	tiers := make([]policy.Tier, len(r.tiers))
	for i, targets := range r.tiers {
		for _, t := range targets {
			pt := policy.Target{Target: t.Target}
			for _, a := range t.addresses {
				pt.Addresses = append(pt.Addresses, policy.Address{Addr: a.Addr, Eligible: eligible(a)})
			}
			tiers[i] = append(tiers[i], pt)
		}
	}
	return tiers
}

// state is the worst of the record's families.
func (r *record) state() policy.State {
	worst := policy.Normal
	for f := range r.answers {
		if a := r.answers[f].Load(); a != nil {
			worst = max(worst, a.measured.State)
		}
	}
	return worst
}
