package failover

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/resolve"
	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// memory is what a process before this one has known, as the state file has it. It
// is for the first configuration. What was measured counts while it is young, what
// an operator said for longer. A nil one remembers nothing.
type memory struct {
	// Read-only.
	maxAge time.Duration
	young  bool // all that has no age of its own
	names  map[string]state.Name
	holds  map[string]int // tiers

	mu       sync.Mutex
	verdicts map[string]state.Verdict // that nobody has asked for
}

// remember returns what the file says that is kept with these settings, which may
// be nil, and takes over what is forced. Only a process that knows nothing yet needs
// that.
func (h *healthchecks) remember(settings *model.StateFile, before *configuration) *memory {
	if settings == nil || before != nil {
		return nil
	}
	s := h.load(settings.Path)
	if s.Written.IsZero() {
		return nil
	}
	m := newMemory(s, settings.MaxAge)
	forced := h.rememberForces(s.Forced)
	log.Infof("state_file: %s is %v old: %d verdicts, %d forced states, %d holds and %d names are taken over",
		settings.Path, rounded(time.Since(s.Written)), len(m.verdicts), forced, len(m.holds), len(m.names))
	return m
}

func newMemory(s state.State, maxAge time.Duration) *memory {
	m := &memory{
		maxAge: maxAge, verdicts: make(map[string]state.Verdict),
		names: make(map[string]state.Name), holds: make(map[string]int),
	}
	m.young = m.isYoung(s.Written)
	for _, v := range s.Verdicts {
		if m.isYoung(v.AsOf) {
			m.verdicts[v.Check] = v
		}
	}
	for _, hold := range s.Holds {
		m.holds[slot(hold.Server, hold.Zone, hold.View, hold.Record, hold.Family)] = hold.Tier
	}
	for _, n := range s.Names {
		if m.young {
			m.names[slotOfName(n.Server, n.Zone, n.View, n.Name, n.Next)] = n
		}
	}
	return m
}

// askew is how far ahead the clock of the process before may have been. Of what is
// from farther ahead nobody knows how old it is.
const askew = time.Minute

func (m *memory) isYoung(asOf time.Time) bool {
	age := time.Since(asOf)
	return -askew <= age && age <= m.maxAge
}

// rememberForces takes over what is forced, and returns how much that is.
func (h *healthchecks) rememberForces(forced []state.Forced) (n int) {
	for _, f := range forced {
		if !f.Until.IsZero() && time.Now().After(f.Until) {
			continue
		}
		key := forceKey{recordKey{f.Server, f.Zone, f.View, f.Record}, f.Target}
		h.forces.set(key, status.Forced{
			Record: key.record.id(), Target: f.Target, State: f.State,
			Reason: f.Reason, By: f.By, Since: f.Since, Until: f.Until,
		}, h.expire)
		n++
	}
	return n
}

// slot joins words to a key of the state file.
func slot(words ...string) string { return strings.Join(words, "|") }

func slotOfName(server, zone, view, name string, next bool) string {
	return slot(server, zone, view, name, strconv.FormatBool(next))
}

// slot is that of the n-th check of an address in the state file: it stands for
// as much as a person would call the same check.
func (a *address) slot(n int) string {
	t := a.target
	k := t.record.key()
	return slot(k.server, k.zone, k.view, k.name, t.Text, a.Addr.String(), a.host(), strconv.Itoa(n), t.Checks[n].String())
}

// verdict returns what a check begins with. It is asked once for each.
func (m *memory) verdict(a *address, n int) engine.Start {
	if m == nil {
		return engine.Start{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.verdicts[a.slot(n)]
	delete(m.verdicts, a.slot(n))
	if !ok || !m.isYoung(v.AsOf) {
		return engine.Start{}
	}
	for _, one := range [...]verdict.Verdict{verdict.Healthy, verdict.Unhealthy} {
		if v.Verdict == one.String() {
			return engine.Start{Verdict: one, Since: v.Since, AsOf: v.AsOf}
		}
	}
	return engine.Start{}
}

// unasked returns the verdicts that nobody has asked for yet, and may still: those of
// addresses that only questions tell of.
func (m *memory) unasked() []state.Verdict {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.verdicts, func(_ string, v state.Verdict) bool { return !m.isYoung(v.AsOf) })
	return slices.Collect(maps.Values(m.verdicts))
}

// name returns what is known of a name that the handler resolves.
func (m *memory) name(f *Failover, key aliasKey) resolve.State {
	if m == nil {
		return resolve.State{}
	}
	n, ok := m.names[slotOfName(f.server(), f.zonesWord(), f.config.ViewName, key.name, key.next)]
	if !ok {
		return resolve.State{}
	}
	return resolve.Remembered(n.Addrs, time.Duration(n.TTL)*time.Second)
}

func (f *Failover) zonesWord() string { return strings.Join(f.zones, " ") }

// hold lets the record hold the tiers that it held before the process began. A hold
// that ends by itself is of no outage that goes on once it is old.
func (m *memory) hold(r *record) {
	if m == nil || r.Failback.Mode == model.FailbackAuto || r.Failback.Mode == model.FailbackAfter && !m.young {
		return
	}
	k := r.key()
	for _, f := range r.families() {
		tier := m.holds[slot(k.server, k.zone, k.view, k.name, f.String())]
		if tier < 1 || tier > len(r.Tiers) {
			continue
		}
		r.holds.set(f, verdict.Hold{Tier: tier})
		for i := range tier {
			r.holds.decided[i] = true
		}
	}
}
