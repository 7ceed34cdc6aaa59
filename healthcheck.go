package failover

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// healthcheck is what this process knows of health. It outlives every
// configuration: what two of them have in common goes on untouched.
var healthcheck = newHealthchecks()

// probesAtOnce bounds the probes in flight, and with them goroutines and
// descriptors.
const probesAtOnce = 4096

type healthchecks struct {
	engine *engine.Engine[identity, owner]

	// lifecycle is held while a configuration begins or ends: what one hook
	// takes for gone, another must not start meanwhile.
	lifecycle sync.Mutex

	// steering is held while an order of an operator is carried out.
	steering sync.Mutex
	forces   forces
	beats    beats

	operations operations
	served     atomic.Pointer[configuration] // the last that did, even if it has ended
	file       atomic.Pointer[state.File]    // of the state, or nil
	kept       *model.StateFile              // its settings; under lifecycle

	mu             sync.Mutex
	last           engine.Generation
	configurations []*configuration // that have begun, oldest first
	began          time.Time        // when the first of them did
	ready          atomic.Bool
}

func newHealthchecks() *healthchecks {
	h := new(healthchecks)
	h.engine = engine.New[identity](probesAtOnce, engine.Reporter[owner](h))
	return h
}

// identity tells one check from another by everything that matters to its
// result. Files count by their path: each probe uses what they hold by then.
type identity struct {
	check unique.Handle[model.Check]
	addr  netip.Addr // zero where the check probes an address of its own
}

func identify(m model.Check, addr netip.Addr) identity {
	if m.Address != "" {
		addr = netip.Addr{}
	}
	return identity{unique.Make(m), addr}
}

// owner of a claim: one check of one address of a target.
type owner struct {
	configuration *configuration
	address       *address
	n             int // which of the target's checks
}

func (o owner) check() *model.Check { return &o.address.target.Checks[o.n] }

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

// serving returns the configuration whose answers are given, or nil: of those that
// have begun, the last one whose whole instance has started. While none has, that
// is the first.
func (h *healthchecks) serving() *configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range slices.Backward(h.configurations) {
		if c.started {
			return c
		}
	}
	if len(h.configurations) == 0 {
		return nil
	}
	return h.configurations[0]
}

// serves reports whether the handler is in the configuration whose answers are
// given.
func (f *Failover) serves() bool {
	return f.claims != nil && f.claims.configuration == healthcheck.serving()
}

// begun returns the configurations that have begun and not ended, oldest first.
func (h *healthchecks) begun() []*configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.configurations)
}

// begin lets a configuration take part, which has made its claims. Whether it will
// serve shows when its whole instance has started; the first does at once. No order
// comes between what it takes over here and its beginning.
func (h *healthchecks) begin(c, before *configuration) {
	h.beginning()
	h.steering.Lock()
	h.bring(c)
	records := before.records()
	for key, r := range c.records() {
		r.takeForces()
		if old := records[key]; old != nil {
			old.handOn(r)
		}
	}
	h.mu.Lock()
	h.configurations = append(h.configurations, c)
	h.mu.Unlock()
	h.steering.Unlock()
	if before == nil {
		h.serve(c)
	}
}

// serve makes a configuration the one whose answers are given. What it has that
// there can be only one of takes the place of what was there, and what it answers
// differently is told. That a restart goes on where the process before was is no
// news.
func (h *healthchecks) serve(c *configuration) {
	h.mu.Lock()
	restart := c.memory != nil && !c.started
	c.started = true
	h.mu.Unlock()
	h.served.Store(c)
	h.forgetOperators()
	h.guard()
	if h.keep(c.settings().StateFile); !restart {
		h.changed()
	}
	c.operation.configure()
	for _, f := range c.handlers {
		for _, r := range update(f.records...) {
			if restart {
				r.look()
			}
			r.tell()
		}
	}
}

// retain ends all configurations that are not live, and releases their claims.
func (h *healthchecks) retain(live func(*configuration) bool) {
	h.steering.Lock()
	ended := h.forget(live)
	h.steering.Unlock()
	for _, gone := range ended {
		gone.stop()
	}
	h.forgetOperators()
	h.guard()
	if h.serving() == nil {
		h.keep(nil)
	}
	h.engine.Retain(h.knows)
	h.changed()
}

// forgetOperators forgets what was said about records and heartbeats that no
// configuration has any more.
func (h *healthchecks) forgetOperators() {
	begun := h.begun()
	gone := h.forces.retain(func(key forceKey) bool {
		return slices.ContainsFunc(begun, func(c *configuration) bool { return c.index().has(key) })
	})
	for _, f := range gone {
		log.Infof("%s: no longer %s, it is gone (by %s: %q)", f.key, f.State, f.By, f.Reason)
	}
	h.beats.retain(func(id string) bool {
		return slices.ContainsFunc(begun, func(c *configuration) bool { return c.index().waiting[id] != nil })
	})
}

// forget returns the configurations that are not live, which it no longer knows.
func (h *healthchecks) forget(live func(*configuration) bool) []*configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var kept, gone []*configuration
	for _, c := range h.configurations {
		if live(c) {
			kept = append(kept, c)
		} else {
			gone = append(gone, c)
		}
	}
	h.configurations = kept
	return gone
}

// knows reports whether a generation is that of a configuration that has begun
// and not ended.
func (h *healthchecks) knows(g engine.Generation) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.configurations, func(c *configuration) bool { return c.generation == g })
}

// beginning returns when the first configuration began, which may be now.
func (h *healthchecks) beginning() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.began.IsZero() {
		h.began = time.Now()
	}
	return h.began
}

// update lets records decide anew, and tells what is new.
func (h *healthchecks) update(records ...*record) { h.tell(update(records...)...) }

// Transition implements engine.Reporter.
func (h *healthchecks) Transition(owners []owner, t engine.Transition) {
	all := updateAll(owners)
	owners = h.current(owners)
	for _, o := range owners {
		o.address.target.transitions[t.To].Add(1)
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
	in := owners[len(owners)-1].configuration
	if serving := h.serving(); slices.ContainsFunc(owners, func(o owner) bool { return o.configuration == serving }) {
		in = serving
	}
	return slices.DeleteFunc(slices.Clone(owners), func(o owner) bool { return o.configuration != in })
}

// updateAll lets every record decide anew that one of owners belongs to, and those
// above them, and returns all of these.
func updateAll(owners []owner) []*record {
	var records []*record
	for _, o := range owners {
		records = append(records, o.address.target.record)
	}
	return update(records...)
}

// generation returns a number for a new configuration.
func (h *healthchecks) generation() engine.Generation {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	return h.last
}
