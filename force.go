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

// set forces a state on what key says, in the place of any other. ended is called
// when it ends by itself.
func (s *forces) set(key forceKey, f status.Forced, ended func(status.Forced)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
	forced := &force{Forced: f}
	if !f.Until.IsZero() {
		forced.ending = time.AfterFunc(time.Until(f.Until), func() {
			if s.end(key, forced) {
				ended(f)
			}
		})
	}
	if s.all == nil {
		s.all = make(map[forceKey]*force)
	}
	s.all[key] = forced
}

// clear takes away what is forced on what key says, and returns what that was.
func (s *forces) clear(key forceKey) (status.Forced, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.all[key]
	if !ok {
		return status.Forced{}, false
	}
	s.drop(key)
	return f.Forced, true
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
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range [...]forceKey{{record, target}, {record, ""}} {
		if f := s.all[key]; f != nil {
			forced := f.Forced
			return &forced
		}
	}
	return nil
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

// list returns all forced states by record and target.
func (s *forces) list() []status.Forced {
	s.mu.Lock()
	defer s.mu.Unlock()
	forced := make([]status.Forced, 0, len(s.all))
	for _, f := range s.all {
		forced = append(forced, f.Forced)
	}
	slices.SortFunc(forced, func(a, b status.Forced) int {
		return strings.Compare(a.Record+"\x00"+a.Target, b.Record+"\x00"+b.Target)
	})
	return forced
}

// retain takes away what is forced on records and targets that are gone.
func (s *forces) retain(has func(forceKey) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.all {
		if !has(key) {
			s.drop(key)
		}
	}
}

// takeForces lets the record's targets stand under what is forced on them.
func (r *record) takeForces() {
	for _, t := range r.targets() {
		t.force.Store(healthcheck.forces.of(r.key, t.Text))
	}
}
