package failover

import (
	"net/netip"
	"slices"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
)

// A reload puts new records in the place of old ones. What they have counted
// goes on, so that no counter falls back; what they know of health goes on in
// the checks.

// inherit takes over what before, which may be nil, has counted, and what it
// answers: the first update is to tell how that changes.
func (r *record) inherit(before *record) {
	if before == nil {
		return
	}
	r.past = before.past
	r.past.countOn(before, r)
	before.handOn(r)
	for _, f := range r.families() {
		if a := before.answers[f].Load(); a != nil {
			r.answers[f].Store(a)
		}
	}
}

// handOn gives what the record holds to to, the one in its place.
func (r *record) handOn(to *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	r.holds.handOn(to.holds)
}

// targetLike returns the target of r, which may be nil, in the place of t: the
// same word in the same tier. It is nil where there is none.
func (r *record) targetLike(t *target) *target {
	if r == nil || t.tier > len(r.Tiers) {
		return nil
	}
	for old := range r.tier(t.tier).each() {
		if old.Text == t.Text {
			return old
		}
	}
	return nil
}

// inherit takes over what before has counted. That may be nil; then it counts in the room.
func (t *target) inherit(before *target, room *room) {
	if before != nil {
		t.transitions = before.transitions
	} else {
		t.transitions = room.counter()
	}
}

// addressLike returns the address of t, which may be nil, that equals addr, or
// nil.
func (t *target) addressLike(addr netip.Addr) *address {
	if t == nil {
		return nil
	}
	return t.find(addr)
}

// starts returns what each check of t, the new target of address a, starts with:
// one that a has too, or that has only been edited, with the verdict of that;
// any other with what the checks of a say together, so that a reload does not
// change what the target counts for. a may be nil: then nothing is known.
func (a *address) starts(t *target) []engine.Start {
	starts := make([]engine.Start, len(t.Checks))
	if a == nil {
		return starts
	}
	for i := range t.Checks {
		starts[i] = engine.Start{Verdict: a.verdict()}
		if n := a.checkLike(&t.Checks[i]); n >= 0 {
			known := a.checks[n].Status()
			starts[i] = engine.Start{Verdict: known.Verdict, Since: known.Since, AsOf: known.AsOf}
		}
	}
	return starts
}

// checkLike returns the number of the check that equals m, or else of the only
// one that m can be an edition of: of the same type, and asking for the same. It
// is -1 where there is none.
func (a *address) checkLike(m *model.Check) int {
	if same := slices.Index(a.target.Checks, *m); same >= 0 {
		return same
	}
	only := -1
	for i, old := range a.target.Checks {
		if old.Type != m.Type || old.Address != m.Address || old.Port != m.Port || old.Request.Path != m.Request.Path {
			continue
		}
		if only >= 0 {
			return -1
		}
		only = i
	}
	return only
}
