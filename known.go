package failover

import (
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// keep has what is known kept in a file with these settings, or in none where they
// are nil. A file that is kept already goes on. It is called under lifecycle.
func (h *healthchecks) keep(settings *model.StateFile) {
	if sameFile(h.kept, settings) {
		return
	}
	if file := h.file.Swap(nil); file != nil {
		file.Close()
	}
	if h.kept = settings; settings != nil {
		if h.read != settings.Path {
			h.load(settings.Path) // what is none of ours is put aside
		}
		h.read = ""
		h.file.Store(state.Open(settings.Path, refreshes(settings), h.known, logState))
	}
}

func (h *healthchecks) load(path string) state.State {
	s, err := state.Load(path)
	if err != nil {
		log.Warningf("state_file: %v", err)
	}
	h.read = path
	return s
}

func sameFile(a, b *model.StateFile) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Path == b.Path && refreshes(a) == refreshes(b)
}

// refreshes is how often the file is written although nothing has changed, so that
// its age says until when it was true.
func refreshes(settings *model.StateFile) time.Duration {
	return min(max(settings.MaxAge/10, time.Second), time.Minute)
}

// changed has the state kept that is known now.
func (h *healthchecks) changed() {
	if file := h.file.Load(); file != nil {
		file.Changed()
	}
}

// known is what is known now, or was when there last was something to know.
func (h *healthchecks) known() state.State {
	s := state.State{Forced: h.knownForces()}
	c := h.lastServed.Load()
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
	s.Verdicts = append(s.Verdicts, c.memory.unasked()...)
	return s
}

func (h *healthchecks) knownForces() []state.Forced {
	var forced []state.Forced
	for _, f := range h.forces.list() {
		k := f.key.record
		forced = append(forced, state.Forced{
			Server: k.server, Zone: k.zone, View: k.view, Record: k.name, Target: f.key.target,
			State: f.State, Reason: f.Reason, By: f.By, Since: f.Since, Until: f.Until,
		})
	}
	return forced
}

func (f *Failover) knownVerdicts() []state.Verdict {
	var verdicts []state.Verdict
	for _, r := range f.records {
		for t := range r.targets.each() {
			for _, a := range t.list() {
				verdicts = append(verdicts, a.knownVerdicts()...)
			}
		}
	}
	for _, a := range f.learned.all() {
		verdicts = append(verdicts, a.knownVerdicts()...)
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
			Check: a.slot(n), Verdict: known.Verdict.String(), Since: known.Since, AsOf: known.AsOf,
		})
	}
	return verdicts
}

func (f *Failover) knownNames() []state.Name {
	var names []state.Name
	seen := make(map[aliasKey]bool)
	for _, r := range f.records {
		for t := range r.targets.each() {
			key := aliasKey{name: t.resolves(), next: t.Kind == model.Next}
			if t.naming == nil || seen[key] {
				continue
			}
			seen[key] = true
			if known := t.naming.name.State(); len(known.Addrs) > 0 {
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
	for _, f := range r.families() {
		if tier := r.holds.of(f).Tier; tier > 1 {
			k := r.key()
			holds = append(holds, state.Hold{
				Server: k.server, Zone: k.zone, View: k.view, Record: k.name, Family: f.String(), Tier: tier,
			})
		}
	}
	return holds
}
