package failover

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/verdict"
	"github.com/coredns-failover/failover/plugin/watch"
)

// healthcheck is what this process knows of health. It outlives every
// configuration: what two of them have in common goes on untouched.
var healthcheck = newHealthchecks()

type healthchecks struct {
	engine *engine.Engine[identity, owner]
	lines  *watch.Poller // the connections of checks with watch

	// lifecycle is held while a configuration begins or ends: what one hook
	// takes for gone, another must not start meanwhile.
	lifecycle sync.Mutex

	// steering is held while an order of an operator is carried out.
	steering sync.Mutex
	forces   forces
	beats    beats

	operations operations
	lastServed atomic.Pointer[configuration] // even if it has ended
	file       atomic.Pointer[state.File]    // of the state, or nil
	kept       *model.StateFile              // its settings; under lifecycle
	read       string                        // the path of a file that was read and is to be kept; under lifecycle

	mu             sync.Mutex
	configurations []*configuration // that have begun, oldest first
	began          time.Time        // when the first of them did
	ready          atomic.Bool
}

func newHealthchecks() *healthchecks {
	h := new(healthchecks)
	h.engine = engine.New[identity](probesAtOnce(), engine.Reporter[owner](h))
	h.lines = watch.New(linesAtOnce())
	return h
}

// identity tells one check from another by everything that matters to its
// result. Files count by their path: each probe uses what they hold by then.
type identity struct {
	check model.Check
	addr  netip.Addr // zero where the check probes an address of its own
}

func identify(m *model.Check, addr netip.Addr) identity {
	if m.Address != "" {
		addr = netip.Addr{}
	}
	return identity{*m, addr}
}

// owner of a claim: one check of one address of a target.
type owner struct {
	address *address
	n       int // which of the target's checks
}

func (o owner) check() *model.Check { return &o.address.target.Checks[o.n] }

func (o owner) claims() *claims { return o.address.target.record.handler.claims }

func (o owner) configuration() *configuration { return o.claims().configuration }

// Key implements engine.Owner.
func (o owner) Key() identity { return identify(o.claims().model(o.address, o.n), o.address.Addr) }

// health is what is known of a check of one address.
type health interface {
	Verdict() verdict.Verdict
	Status() engine.Status
	// Connect is how long the endpoint takes to accept a connection; 0 is not
	// known.
	Connect() time.Duration
	// Horizon is the earliest time at which the verdict may change; zero is never.
	Horizon() time.Time
}

// fixed is the health of a check that is not probed.
type fixed verdict.Verdict

func (f fixed) Verdict() verdict.Verdict { return verdict.Verdict(f) }
func (f fixed) Status() engine.Status    { return engine.Status{Verdict: verdict.Verdict(f)} }
func (fixed) Connect() time.Duration     { return 0 }
func (fixed) Horizon() time.Time         { return time.Time{} }

// unstarted is the health of a check that is yet to be claimed.
const unstarted = fixed(verdict.Unknown)

// unclaimed is the health of a check of an address before it is claimed. Those
// that are disabled, or that may not be aimed at the address, never are.
func (t *target) unclaimed(m *model.Check, addr netip.Addr) health {
	switch {
	case m.Disabled && m.Invert:
		return fixed(verdict.Unhealthy)
	case m.Disabled, !t.mayProbe(addr, m):
		return fixed(verdict.Healthy)
	default:
		return unstarted
	}
}

// update lets records decide anew, and tells what is new.
func (h *healthchecks) update(records ...*record) { h.tell(update(records...)...) }

// Transition implements engine.Reporter.
func (h *healthchecks) Transition(owners []owner, t engine.Transition) {
	all := recordsOf(owners)
	for _, r := range all {
		if r.dependsOn(t) {
			r.decide()
		}
	}
	owners = h.current(owners)
	for _, o := range owners {
		o.address.target.transitions.to(t.To).Add(1)
	}
	logTransition(owners, t)
	h.tell(all...)
	h.changed()
}

// Broken implements engine.Reporter.
func (h *healthchecks) Broken(owners []owner, err error) { logBroken(h.current(owners), err) }

// current returns the owners in the configuration that serves, or in the newest
// where those have none in it: while one replaces another, both own the same
// checks, but things happen only once.
func (h *healthchecks) current(owners []owner) []owner {
	in := owners[len(owners)-1].configuration()
	if serving := h.serving(); slices.ContainsFunc(owners, func(o owner) bool { return o.configuration() == serving }) {
		in = serving
	}
	return slices.DeleteFunc(slices.Clone(owners), func(o owner) bool { return o.configuration() != in })
}

// recordsOf returns the records that owners belong to, and those above them.
func recordsOf(owners []owner) []*record {
	var records []*record
	for _, o := range owners {
		records = append(records, o.address.target.record)
	}
	return withParents(records...)
}
