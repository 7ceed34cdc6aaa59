package failover

import (
	"cmp"
	"maps"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/status"
)

// index finds the records of a configuration for operators. It is made when one
// first asks.
type index struct {
	sorted []*record // in the order of recordKey
	byKey  map[recordKey]*record
	byID   map[string]*record
	byName map[string][]*record
	// waiting are the targets that have a check of type heartbeat, by its ID.
	waiting map[string][]*target
}

func newIndex(c *configuration) *index {
	x := &index{
		byKey: c.records(), byID: make(map[string]*record), byName: make(map[string][]*record),
		waiting: make(map[string][]*target),
	}
	for _, key := range slices.SortedFunc(maps.Keys(x.byKey), recordKey.compare) {
		r := x.byKey[key]
		x.sorted = append(x.sorted, r)
		x.byID[r.id()] = r
		x.byName[key.name] = append(x.byName[key.name], r)
		for t := range r.targets.each() {
			x.addHeartbeats(t)
		}
	}
	return x
}

func (x *index) addHeartbeats(t *target) {
	for i := range t.Checks {
		if m := &t.Checks[i]; m.Type == model.Heartbeat {
			x.waiting[m.Request.Name] = append(x.waiting[m.Request.Name], t)
		}
	}
}

func (k recordKey) compare(other recordKey) int {
	return cmp.Or(cmp.Compare(k.name, other.name), cmp.Compare(k.server, other.server),
		cmp.Compare(k.view, other.view), cmp.Compare(k.zone, other.zone))
}

// find returns the record that an ID, or a name that only one has, stands for.
func (x *index) find(id string) (*record, error) {
	if r := x.byID[id]; r != nil {
		return r, nil
	}
	named := x.byName[canonical(id)]
	switch len(named) {
	case 0:
		return nil, status.Problemf(status.NotFound, "there is no record %q", id)
	case 1:
		return named[0], nil
	}
	problem := status.Problemf(status.Ambiguous, "%q stands for %d records; name one by its ID", id, len(named))
	for _, r := range named {
		problem.Candidates = append(problem.Candidates, r.id())
	}
	return nil, problem
}

// elsewhere returns the key of the only record with that name, zone and view,
// whatever it listens on; the zero key where there is none, or several, or where
// before, which may be nil, has it too: then it is another one.
func (x *index) elsewhere(key recordKey, before *configuration) recordKey {
	var found recordKey
	for _, r := range x.byName[key.name] {
		k := r.key()
		if k.zone != key.zone || k.view != key.view {
			continue
		}
		if found != (recordKey{}) {
			return recordKey{}
		}
		found = k
	}
	if before.index().byKey[found] != nil {
		return recordKey{}
	}
	return found
}

// has reports whether there is what a state is forced on.
func (x *index) has(key forceKey) bool {
	r := x.byKey[key.record]
	if r == nil || key.target == "" {
		return r != nil
	}
	_, err := r.target(key.target)
	return err == nil
}

// target returns the target that a word stands for.
func (r *record) target(word string) (*target, error) {
	for t := range r.targets.each() {
		if t.Text == word {
			return t, nil
		}
	}
	return nil, status.Problemf(status.NotFound, "record %s has no target %q", display(r.Name), word)
}
