package failover

import (
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

// memory is what a process before this one has known, as the state file has
// it. Verdicts and addresses are for the first configuration, and only while they
// are young: what an operator said is good for longer.
type memory struct {
	mu       sync.Mutex
	verdicts map[string]state.Verdict
	names    map[string]state.Name
	holds    map[string]int // tiers
	began    bool           // the first configuration has taken what it could
}

// remember takes over what the file says that is kept with these settings. Only a
// process that knows nothing yet needs it.
func (h *healthchecks) remember(settings *model.StateFile) {
	if settings == nil || h.newest().keeps(*settings) {
		return
	}
	s, err := state.Load(settings.Path)
	if err != nil {
		log.Warningf("state_file: %v", err)
	}
	if h.newest() != nil {
		return
	}
	m := &h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.verdicts, m.names, m.holds = make(map[string]state.Verdict), make(map[string]state.Name), make(map[string]int)
	for _, v := range s.Verdicts {
		if time.Since(v.AsOf) <= settings.MaxAge {
			m.verdicts[v.Check] = v
		}
	}
	for _, n := range s.Names {
		if time.Since(s.Written) <= settings.MaxAge {
			m.names[slotOfName(n.Server, n.Zone, n.View, n.Name, n.Next)] = n
		}
	}
	for _, hold := range s.Holds {
		m.holds[slot(hold.Server, hold.Zone, hold.View, hold.Record, hold.Family)] = hold.Tier
	}
	h.rememberForces(s.Forced)
	if !s.Written.IsZero() {
		log.Infof("state_file: %s is %v old: %d verdicts, %d forced states, %d holds and %d names are taken over",
			settings.Path, rounded(time.Since(s.Written)), len(m.verdicts), len(s.Forced), len(m.holds), len(m.names))
	}
}

func (h *healthchecks) rememberForces(forced []state.Forced) {
	for _, f := range forced {
		if !f.Until.IsZero() && time.Now().After(f.Until) {
			continue
		}
		key := forceKey{recordKey{f.Server, f.Zone, f.View, f.Record}, f.Target}
		h.forces.set(key, status.Forced{
			Record: key.record.id(), Target: f.Target, State: f.State,
			Reason: f.Reason, By: f.By, Since: f.Since, Until: f.Until,
		}, func(ended status.Forced) { h.expired(key, ended) })
	}
}

// keeps reports whether the configuration, which may be nil, has that state file.
func (c *configuration) keeps(settings model.StateFile) bool {
	return c != nil && c.operation.state != nil && *c.operation.settings.StateFile == settings
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
	k := t.record.key
	return slot(k.server, k.zone, k.view, k.name, t.Text, a.Addr.String(), a.host, strconv.Itoa(n), t.Checks[n].String())
}

// verdict returns what a check begins with.
func (m *memory) verdict(a *address, n int) engine.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.verdicts[a.slot(n)]
	if !ok || m.began {
		return engine.Status{}
	}
	for _, one := range [...]verdict.Verdict{verdict.Healthy, verdict.Unhealthy} {
		if v.Verdict == one.String() {
			return engine.Status{Verdict: one, Since: v.Since}
		}
	}
	return engine.Status{}
}

// asOf is when the verdict of a check was last known to be true; zero is now.
func (m *memory) asOf(a *address, n int, known engine.Status) time.Time {
	if !known.Probed.IsZero() {
		return time.Time{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.verdicts[a.slot(n)].AsOf
}

// begin says that the first configuration has taken what it could.
func (m *memory) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began, m.names, m.holds = true, nil, nil
}

// fade forgets the verdicts once all have been confirmed or refuted, or their checks
// are gone.
func (m *memory) fade() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began {
		m.verdicts = nil
	}
}

// name returns what is known of a name that the handler resolves.
func (m *memory) name(f *Failover, key aliasKey) resolve.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.names[slotOfName(f.server(), f.zonesWord(), f.config.ViewName, key.name, key.next)]
	if !ok {
		return resolve.State{}
	}
	return resolve.Remembered(n.Addrs, time.Duration(n.TTL)*time.Second)
}

func (f *Failover) zonesWord() string { return strings.Join(f.zones, " ") }

// hold lets the record hold the tiers that it held before the process began.
func (m *memory) hold(r *record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Failback.Mode == model.FailbackAuto {
		return
	}
	for _, f := range r.families {
		tier := m.holds[slot(r.key.server, r.key.zone, r.key.view, r.key.name, f.String())]
		if tier < 1 || tier > len(r.tiers) {
			continue
		}
		r.holds[f] = verdict.Hold{Tier: tier}
		for i := range tier {
			r.decided[i] = true
		}
	}
}

// keepState begins to keep in the file what is known.
func (h *healthchecks) keepState(settings model.StateFile) *state.File {
	every := min(max(settings.MaxAge/10, time.Second), time.Minute)
	return state.Open(settings.Path, every, h.known, logState)
}

// known is what is known now.
func (h *healthchecks) known() state.State {
	c := h.newest()
	if c == nil {
		c = h.latest.Load()
	}
	s := state.State{Forced: h.knownForces()}
	if c == nil {
		return s
	}
	for _, f := range c.handlers {
		for _, r := range f.records {
			s.Holds = append(s.Holds, r.knownHolds()...)
		}
		s.Names = append(s.Names, f.knownNames()...)
		s.Verdicts = append(s.Verdicts, f.knownVerdicts()...)
	}
	if !slices.ContainsFunc(s.Verdicts, func(v state.Verdict) bool { return !v.AsOf.IsZero() }) {
		h.memory.fade()
	}
	return s
}

func (h *healthchecks) knownForces() []state.Forced {
	h.forces.mu.Lock()
	defer h.forces.mu.Unlock()
	var forced []state.Forced
	for key, f := range h.forces.all {
		k := key.record
		forced = append(forced, state.Forced{
			Server: k.server, Zone: k.zone, View: k.view, Record: k.name, Target: key.target,
			State: f.State, Reason: f.Reason, By: f.By, Since: f.Since, Until: f.Until,
		})
	}
	return forced
}

func (f *Failover) knownVerdicts() []state.Verdict {
	var verdicts []state.Verdict
	for _, r := range f.records {
		for _, t := range r.targets() {
			for _, a := range t.list() {
				verdicts = append(verdicts, a.knownVerdicts()...)
			}
		}
	}
	return verdicts
}

func (a *address) knownVerdicts() []state.Verdict {
	var verdicts []state.Verdict
	for n, c := range a.checks {
		probed, ok := c.(*engine.Check[owner])
		if !ok || probed.Verdict() == verdict.Unknown {
			continue
		}
		known := probed.Status()
		verdicts = append(verdicts, state.Verdict{
			Check: a.slot(n), Verdict: known.Verdict.String(), Since: known.Since,
			AsOf: healthcheck.memory.asOf(a, n, known),
		})
	}
	return verdicts
}

func (f *Failover) knownNames() []state.Name {
	seen := make(map[aliasKey]bool)
	var names []state.Name
	for _, r := range f.records {
		for _, t := range r.targets() {
			key := aliasKey{name: t.resolves(), next: t.Kind == model.Next}
			if t.name == nil || seen[key] {
				continue
			}
			seen[key] = true
			if known := t.name.State(); len(known.Addrs) > 0 {
				names = append(names, state.Name{
					Server: f.server(), Zone: f.zonesWord(), View: f.config.ViewName, Name: key.name, Next: key.next,
					Addrs: known.Addrs, TTL: uint32(known.TTL / time.Second),
				})
			}
		}
	}
	return names
}

func (r *record) knownHolds() []state.Hold {
	r.mu.Lock()
	defer r.mu.Unlock()
	var holds []state.Hold
	for _, f := range r.families {
		if tier := r.holds[f].Tier; tier > 1 {
			k := r.key
			holds = append(holds, state.Hold{
				Server: k.server, Zone: k.zone, View: k.view, Record: k.name, Family: f.String(), Tier: tier,
			})
		}
	}
	return holds
}
