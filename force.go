package failover

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// forces are the states that operators have forced, on a target or on a record
// as a whole. Like health they outlive every configuration.
type forces struct {
	mu  sync.Mutex
	all map[forceKey]*force
}

// forceKey is what a state is forced on; with an empty target that is all targets
// of the record that have none of their own.
type forceKey struct {
	record recordKey
	target string
}

type force struct {
	status.Forced
	ending *time.Timer // nil where it does not end by itself
}

// set forces a state on what key says, in the place of any other. expire is called
// when its time has come.
func (s *forces) set(key forceKey, f status.Forced, expire func(forceKey, *force)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
	forced := &force{Forced: f}
	if !f.Until.IsZero() {
		forced.ending = time.AfterFunc(time.Until(f.Until), func() { expire(key, forced) })
	}
	if s.all == nil {
		s.all = make(map[forceKey]*force)
	}
	s.all[key] = forced
}

// clear takes away what is forced on what key says.
func (s *forces) clear(key forceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
}

// end takes away f, which has expired, unless something else stands there now.
func (s *forces) end(key forceKey, f *force) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[key] != f {
		return false
	}
	delete(s.all, key)
	return true
}

func (s *forces) drop(key forceKey) {
	if f := s.all[key]; f != nil && f.ending != nil {
		f.ending.Stop()
	}
	delete(s.all, key)
}

// of returns what is forced on a target of a record, or nil: its own state, or
// else that of the record.
func (s *forces) of(record recordKey, target string) *status.Forced {
	if f := s.on(forceKey{record, target}); f != nil || target == "" {
		return f
	}
	return s.on(forceKey{record: record})
}

// on returns what is forced on exactly what key says, or nil.
func (s *forces) on(key forceKey) *status.Forced {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.all[key]; f != nil {
		forced := f.Forced
		return &forced
	}
	return nil
}

// count returns how many states are forced on a record and its targets.
func (s *forces) count(record recordKey) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for key := range s.all {
		if key.record == record {
			n++
		}
	}
	return n
}

// forcedOn is a forced state with what it is forced on.
type forcedOn struct {
	key forceKey
	status.Forced
}

// list returns all forced states by record and target.
func (s *forces) list() []forcedOn {
	s.mu.Lock()
	defer s.mu.Unlock()
	forced := make([]forcedOn, 0, len(s.all))
	for key, f := range s.all {
		forced = append(forced, forcedOn{key, f.Forced})
	}
	slices.SortFunc(forced, func(a, b forcedOn) int {
		return strings.Compare(a.Record+"\x00"+a.Target, b.Record+"\x00"+b.Target)
	})
	return forced
}

// retain takes away what is forced on records and targets that are gone, and
// returns it.
func (s *forces) retain(has func(forceKey) bool) []forcedOn {
	var gone []forcedOn
	for _, f := range s.list() {
		if !has(f.key) {
			gone = append(gone, f)
			s.clear(f.key)
		}
	}
	return gone
}

// takeForces lets the record's targets stand under what is forced on them. It is
// called in steering, so that the last order counts.
func (r *record) takeForces() {
	for t := range r.targets.each() {
		t.force.Store(healthcheck.forces.of(r.key(), t.Text))
	}
}

// bring has a configuration that begins take over what is forced on records that
// listen elsewhere in it: the same name, in the same zone and view, where there is
// but one, and was not before. What was forced stays too until nothing has it.
func (h *healthchecks) bring(c, before *configuration) {
	for _, f := range h.forces.list() {
		if c.index().has(f.key) {
			continue
		}
		key := forceKey{c.index().elsewhere(f.key.record, before), f.key.target}
		if c.index().has(key) && h.forces.on(key) == nil {
			f.Record = key.record.id()
			h.forces.set(key, f.Forced, h.expire)
		}
	}
}
