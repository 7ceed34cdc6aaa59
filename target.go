package failover

import (
	"iter"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/resolve"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// target is a model.Target at work.
type target struct {
	*model.Target
	record *record
	tier   int // 1 is the primary

	// child is the record of the server block that the target is an alias of, or
	// nil. Read-only after New.
	child *record
	// naming keeps the addresses of any other alias, and of next for one name, up to
	// date. Nil before the handler has started.
	naming *naming

	// addresses are what the target stands for now. They change while the record
	// is locked, or before it answers.
	addresses atomic.Pointer[[]*address]

	// transitions is handed on by a reload, like record.past. Nil before the target is
	// claimed.
	transitions *transitions
	// force is the state that an operator has forced on the target or its record,
	// or nil.
	force atomic.Pointer[status.Forced]
}

// transitions counts the changes of verdict.
type transitions struct{ healthy, unhealthy atomic.Uint32 }

// to counts those that led to a verdict, one of the two.
func (t *transitions) to(v verdict.Verdict) *atomic.Uint32 {
	if v == verdict.Healthy {
		return &t.healthy
	}
	return &t.unhealthy
}

// naming is how a target stands for what a name has.
type naming struct {
	alias *alias
	name  *resolve.Name
	// known is whether the target does by now; the name is known a moment before.
	known atomic.Bool
}

// address is one address of a target. Its health is its own.
type address struct {
	netip.Addr
	target *target
	// checks are as many as the target's, in their order. Read-only once the
	// target stands for the address.
	checks  []health
	learned *sighting // nil unless only a reply has told of it
}

// targets are targets in their order.
type targets []target

// each yields them.
func (ts targets) each() iter.Seq[*target] {
	return func(yield func(*target) bool) {
		for i := range ts {
			if !yield(&ts[i]) {
				return
			}
		}
	}
}

// any reports whether one of them is.
func (ts targets) any(is func(*target) bool) bool {
	for t := range ts.each() {
		if is(t) {
			return true
		}
	}
	return false
}

// become makes it a target of the record, unclaimed. lones is room for its address.
func (t *target) become(r *record, tier int, m *model.Target, lones *[]lone) {
	t.Target, t.record, t.tier = m, r, tier
	t.addresses.Store(t.initial(lones))
}

// initial returns what the target stands for before it is resolved, unclaimed.
func (t *target) initial(lones *[]lone) *[]*address {
	switch {
	case t.Kind == model.Address:
		return take(lones, 1)[0].stand(t, t.Addr)
	case t.nameOnly():
		return &[]*address{newAddress(t, netip.IPv4Unspecified())}
	default:
		return new([]*address)
	}
}

func newAddress(t *target, addr netip.Addr) *address {
	a := new(address)
	a.become(t, addr, make([]health, len(t.Checks)))
	return a
}

// become makes it an address of the target, unclaimed. checks is room for the health of
// each of the target's.
func (a *address) become(t *target, addr netip.Addr, checks []health) {
	a.Addr, a.target, a.checks = addr, t, checks
	for i := range t.Checks {
		checks[i] = t.unclaimed(&t.Checks[i], addr)
	}
}

// nameOnly reports whether the target is an alias for types other than those of
// addresses: it may have none, and stands for one that is never probed.
func (t *target) nameOnly() bool { return t.Kind == model.Alias && t.record.addressless }

// list returns the addresses that the target stands for now.
func (t *target) list() []*address { return *t.addresses.Load() }

// all returns the addresses that the target stands for now, and those that only
// questions have told of.
func (t *target) all() []*address {
	if t.Kind != model.Next {
		return t.list()
	}
	return slices.Concat(t.list(), t.record.handler.learned.of(t))
}

// find returns the address of the target that equals addr, or nil.
func (t *target) find(addr netip.Addr) *address {
	for _, a := range t.list() {
		if a.Addr == addr {
			return a
		}
	}
	return nil
}

// unresolved reports whether nobody knows yet what the target stands for.
func (t *target) unresolved() bool {
	if t.child != nil {
		return t.child.targets.any((*target).unresolved)
	}
	if t.naming == nil { // not started
		return t.resolves() != "" && len(t.list()) == 0
	}
	return !t.naming.known.Load()
}

// mustResolve reports whether the target can only be answered once it is
// resolved. A CNAME can be given without knowing what is behind it.
func (t *target) mustResolve() bool { return t.Kind == model.Alias && !t.CNAME }

// undecided reports whether the target has an address without a verdict, or
// may have one.
func (t *target) undecided() bool {
	return t.unresolved() ||
		slices.ContainsFunc(t.list(), func(a *address) bool { return a.verdict() == verdict.Unknown })
}

// onlyAsked reports whether only a question can tell what the target stands for:
// it is next under a wildcard, where that differs from name to name, or next of
// one name or a CNAME before the first resolution.
func (t *target) onlyAsked() bool {
	if t.Kind == model.Next && t.record.Wildcard() {
		return true
	}
	return (t.Kind == model.Next || t.CNAME) && len(t.list()) == 0 && t.unresolved()
}

// anyAddress stands for the addresses that only a question can tell. It is never
// answered.
var anyAddress = []policy.Address{
	{Addr: netip.IPv4Unspecified(), Eligible: true},
	{Addr: netip.IPv6Unspecified(), Eligible: true},
}

// view is what the target stands for now, as package policy sees it.
func (t *target) view(f policy.Family, l lens) policy.Target {
	v := policy.Target{
		Target: t.Target, Drained: l.drained(t), Healthy: l.health(t) == status.ForcedHealthy,
	}
	addresses := t.list()
	if t.onlyAsked() {
		if addresses = l.learned[t]; len(addresses) == 0 {
			v.Addresses = t.anyAddress(l)
			return v
		}
	}
	if t.child != nil {
		v.Record = t.child.viewFrom(f, l)
	}
	v.Addresses = make([]policy.Address, len(addresses))
	for i, a := range addresses {
		v.Addresses[i] = a.view(l)
	}
	return v
}

func (t *target) anyAddress(l lens) []policy.Address {
	addresses := slices.Clone(anyAddress)
	for i := range addresses {
		addresses[i].Eligible = l.health(t) != status.ForcedUnhealthy
	}
	return addresses
}

// view is the address as package policy sees it. Only policy fastest measures.
func (a *address) view(l lens) policy.Address {
	v := policy.Address{Addr: a.Addr, Eligible: l.sees(a)}
	if a.target.record.handler.fastest {
		v.Meter = a
	}
	return v
}

// verdict is what the target's addresses add up to: healthy if any is. Without
// an address it is unhealthy, once that is known.
func (t *target) verdict() verdict.Verdict {
	if t.unresolved() || t.onlyAsked() {
		return verdict.Unknown
	}
	if t.child != nil && t.EvaluateTargetHealth && t.child.state() > policy.FailedOver {
		return verdict.Unhealthy
	}
	v := verdict.Unhealthy
	for _, a := range t.list() {
		switch a.verdict() {
		case verdict.Healthy:
			return verdict.Healthy
		case verdict.Unknown:
			v = verdict.Unknown
		}
	}
	return v
}

// forced returns the state that the target is forced to, or "".
func (t *target) forced() string {
	if f := t.force.Load(); f != nil {
		return f.State
	}
	return ""
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

// Connect implements policy.Meter: by the first check that connects.
func (a *address) Connect() time.Duration {
	for _, c := range a.checks {
		if connect := c.Connect(); connect > 0 {
			return connect
		}
	}
	return 0
}

// mayProbe reports whether the check may be aimed at the address. Those written
// in the Corefile may be, and checks that probe an address of their own.
func (t *target) mayProbe(addr netip.Addr, check *model.Check) bool {
	if t.Kind == model.Address || check.Address != "" || check.Type == model.Heartbeat {
		return true
	}
	if addr.IsUnspecified() {
		return false
	}
	if t.record.Probe != nil {
		return slices.ContainsFunc(t.record.Probe, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	return !addr.IsLoopback() && !addr.IsLinkLocalUnicast() && !addr.IsMulticast()
}

// stand makes the target stand for addrs from now on. Those that it has stood
// for keep their health, and those that are gone are probed no more.
func (t *target) stand(addrs []netip.Addr) {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	t.standFor(addrs)
}

// standFor is stand where the record is locked.
func (t *target) standFor(addrs []netip.Addr) {
	claims := t.record.handler.claims
	gone := make(map[netip.Addr]*address)
	for _, a := range t.list() {
		gone[a.Addr] = a
	}
	stands := make([]*address, 0, len(addrs))
	for _, addr := range addrs {
		a := gone[addr]
		if a == nil {
			a = newAddress(t, addr)
			claims.add(a)
		}
		delete(gone, addr)
		stands = append(stands, a)
	}
	t.addresses.Store(&stands)
	for _, a := range gone {
		claims.release(a)
	}
}
