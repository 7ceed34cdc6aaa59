package failover

import (
	"net/netip"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
)

// Records may be targets of other records of their server block: their parents.
// What changes in one changes in those above it, each of which is looked at once,
// after all below it.

// link makes targets that are aliases of the server block's own records stand
// for those. A wildcard in front of the next plugins has something else for each
// name: that must be asked for.
func (f *Failover) link() {
	for _, r := range f.records {
		r.handler = f
		for t := range r.targets.each() {
			r.aliased = r.aliased || t.Kind == model.Alias
			if t.child = f.childOf(t); t.child != nil && !slices.Contains(t.child.parents, r) {
				t.child.parents = append(t.child.parents, r)
			}
		}
	}
	for _, r := range f.records {
		r.rank()
		r.asksClient = r.dependsOnClient()
	}
}

// childOf returns the record that a target stands for, or nil.
func (f *Failover) childOf(t *target) *record {
	if t.Kind != model.Alias || t.nameOnly() {
		return nil
	}
	child, _ := f.names.find(t.Name)
	if child == nil || child.next != nil && child.Wildcard() || child.addressless {
		return nil
	}
	return child
}

// rank returns how many records are below r in a row: 1 for one without any.
func (r *record) rank() int32 {
	if r.height == 0 {
		r.height = 1
		for t := range r.targets.each() {
			if t.child != nil {
				r.height = max(r.height, t.child.rank()+1)
			}
		}
	}
	return r.height
}

// withParents returns records and all above them, each once and after those
// below it.
func withParents(records ...*record) []*record {
	if len(records) == 1 && len(records[0].parents) == 0 {
		return records // as most are
	}
	seen := make(map[*record]bool)
	var all []*record
	for len(records) > 0 {
		var above []*record
		for _, r := range records {
			if !seen[r] {
				seen[r] = true
				all = append(all, r)
				above = append(above, r.parents...)
			}
		}
		records = above
	}
	slices.SortStableFunc(all, func(a, b *record) int { return int(a.height - b.height) })
	return all
}

// adopt lets the targets of the records above records stand for what those do
// now.
func adopt(records ...*record) {
	for _, r := range withParents(records...) {
		for t := range r.targets.each() {
			if t.child != nil {
				t.adopt()
			}
		}
	}
}

// adopt looks at the child under the lock: of two that do so at once, the later
// one sees what the earlier one saw.
func (t *target) adopt() {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	t.standFor(t.child.addrs())
}

// update lets records decide anew, and all above them, and returns all of these.
func update(records ...*record) []*record {
	all := withParents(records...)
	for _, r := range all {
		r.decide()
	}
	return all
}

// viewFrom is the view for a record that has this one as a target. What is forced on
// that target is about its own addresses: this record knows its own.
func (r *record) viewFrom(f policy.Family, l lens) *policy.Record {
	l.blind = l.blind || r.Observe
	v := r.view(f, l)
	for _, tier := range v.Tiers {
		for i := range tier {
			tier[i].Addresses = slices.DeleteFunc(tier[i].Addresses, func(a policy.Address) bool {
				return !r.answersWith(a.Addr) || a.IsUnspecified() // see onlyAsked
			})
		}
	}
	return v
}

// addrs returns every address that the record can be answered with.
func (r *record) addrs() []netip.Addr {
	var addrs []netip.Addr
	for t := range r.targets.each() {
		for _, a := range t.list() {
			if r.answersWith(a.Addr) {
				addrs = append(addrs, a.Addr)
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}
