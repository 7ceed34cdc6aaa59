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
}

// fixed is the health of a check that is not probed.
type fixed verdict.Verdict

func (f fixed) Verdict() verdict.Verdict { return verdict.Verdict(f) }
func (f fixed) Status() engine.Status    { return engine.Status{Verdict: verdict.Verdict(f)} }

// unprobed is the health of a check that is disabled or has not started yet.
func unprobed(m *model.Check) health {
	switch {
	case m.Disabled && m.Invert:
		return fixed(verdict.Unhealthy)
	case m.Disabled:
		return fixed(verdict.Healthy)
	default:
		return fixed(verdict.Unknown)
	}
}

// newest returns the configuration that started last, or nil.
func (h *healthchecks) newest() *configuration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.configurations) == 0 {
		return nil
	}
	return h.configurations[len(h.configurations)-1]
}

// begin makes a configuration, which has made its claims, the newest.
func (h *healthchecks) begin(c *configuration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.began.IsZero() {
		h.began = time.Now()
	}
	h.configurations = append(h.configurations, c)
}

// retain releases the claims of all configurations that are not live.
func (h *healthchecks) retain(live func(*configuration) bool) {
	h.mu.Lock()
	h.configurations = slices.DeleteFunc(h.configurations, func(c *configuration) bool { return !live(c) })
	var kept []engine.Generation
	for _, c := range h.configurations {
		kept = append(kept, c.generation)
	}
	h.mu.Unlock()
	h.engine.Retain(func(g engine.Generation) bool { return slices.Contains(kept, g) })
}

// Transition implements engine.Reporter.
func (h *healthchecks) Transition(owners []owner, t engine.Transition) {
	changes := updateAll(owners)
	owners = current(owners)
	for _, o := range owners {
		o.address.target.transitions[t.To].Add(1)
	}
	logTransition(owners, t)
	for _, c := range changes {
		logChange(c)
	}
}

// Broken implements engine.Reporter.
func (h *healthchecks) Broken(owners []owner, err error) { logBroken(current(owners), err) }

// current returns the owners in the newest configuration of them all: while one
// replaces another, both own the same checks, but things happen only once.
func current(owners []owner) []owner {
	newest := owners[len(owners)-1].configuration
	return slices.DeleteFunc(slices.Clone(owners), func(o owner) bool { return o.configuration != newest })
}

// updateAll lets every record decide anew that one of owners belongs to, and
// returns what has changed in the newest configuration.
func updateAll(owners []owner) []change {
	newest := owners[len(owners)-1].configuration
	var changes []change
	seen := make(map[*record]bool)
	for _, o := range owners {
		r := o.address.target.record
		if seen[r] {
			continue
		}
		seen[r] = true
		if cs := r.update(); o.configuration == newest {
			changes = append(changes, cs...)
		}
	}
	return changes
}

// generation returns a number for a new configuration.
func (h *healthchecks) generation() engine.Generation {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	return h.last
}
