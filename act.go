package failover

import (
	"fmt"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// order is what an operator asks for, made out.
type order struct {
	record *record
	target *target // nil is the record as a whole
	verb   string
	by     string
	status.Action
	expires time.Duration // 0 is never
}

func (o order) key() forceKey {
	key := forceKey{record: o.record.key}
	if o.target != nil {
		key.target = o.target.Text
	}
	return key
}

// state is what the order forces, "" where it forces nothing.
func (o order) state() string {
	switch o.verb {
	case status.Drain:
		return status.ForcedDrained
	case status.Force:
		return o.State // healthy or unhealthy: ForcedHealthy and ForcedUnhealthy are the same words
	}
	return ""
}

// carryOut does what an operator asks for. Orders are carried out one at a time, so
// that two of them can not take the last target together.
func (h *healthchecks) carryOut(o order) error {
	h.steering.Lock()
	defer h.steering.Unlock()
	switch o.verb {
	case status.Drain, status.Force:
		return h.forceState(o)
	case status.Clear:
		return h.clear(o)
	case status.Failback:
		return h.failBack(o)
	}
	return status.Problemf(status.Invalid, "%q is nothing that can be done", o.verb)
}

// forceState refuses what would leave a record without an eligible target: that
// is how an outage is made out of a maintenance.
func (h *healthchecks) forceState(o order) error {
	if left := o.leavesNothing(o.state()); left != nil && !o.Override {
		return status.Problemf(status.Refused, "record %s would have no eligible target left for %v",
			display(left.record.Name), left.family)
	}
	forced := status.Forced{
		Record: o.record.id(), Target: o.key().target, State: o.state(), Reason: o.Reason, By: o.by, Since: time.Now().UTC(),
	}
	if o.expires > 0 {
		forced.Until = forced.Since.Add(o.expires)
	}
	before := h.forces.on(o.key())
	h.forces.set(o.key(), forced, func(ended status.Forced) { h.expired(o.key(), ended) })
	h.forced(o.key(), before, &forced, o)
	return nil
}

func (h *healthchecks) clear(o order) error {
	before, ok := h.forces.clear(o.key())
	if !ok {
		return status.Problemf(status.Invalid, "nothing is forced there")
	}
	h.forced(o.key(), &before, nil, o)
	return nil
}

// expired says that a forced state has ended by itself.
func (h *healthchecks) expired(key forceKey, f status.Forced) {
	h.steering.Lock()
	defer h.steering.Unlock()
	log.Infof("record %s%s: no longer %s, that has expired (by %s: %q)",
		display(key.record.name), about(f.Target), f.State, f.By, f.Reason)
	h.forced(key, &f, nil, order{by: f.By, Action: status.Action{Reason: "expired"}})
}

func about(target string) string {
	if target == "" {
		return ""
	}
	return ", target " + target
}

// forced lets every record decide anew under what is forced on it now, and tells
// of it.
func (h *healthchecks) forced(key forceKey, before, after *status.Forced, o order) {
	for _, c := range h.begun() {
		r := c.index().byKey[key.record]
		if r == nil {
			continue
		}
		r.takeForces()
		if c == h.newest() {
			h.tell([]change{r.steered(key.target, before, after, o)})
		}
		h.update(r)
	}
}

func (r *record) steered(word string, before, after *status.Forced, o order) change {
	t := status.Transition{At: time.Now().UTC(), Kind: status.Steered, Target: word, Reason: o.Reason, By: o.by}
	if on, err := r.target(word); err == nil {
		t.Tier = on.tier
	}
	if before != nil {
		t.From = before.State
	}
	if after != nil {
		t.To = after.State
	}
	return change{Transition: r.transition(t), record: r}
}

// failBack lets a better tier that is eligible again answer at once.
func (h *healthchecks) failBack(o order) error {
	to := 0
	if o.target != nil {
		to = o.target.tier
	}
	from := o.record.failBack(to)
	if from == nil {
		return status.Problemf(status.Invalid, "record %s holds no tier that a better one is eligible for",
			display(o.record.Name))
	}
	h.tell([]change{{Transition: o.record.transition(status.Transition{
		At: time.Now().UTC(), Kind: status.Steered, Target: o.key().target, Tier: to,
		From: fmt.Sprintf("held tier %d", *from), To: "failback", Reason: o.Reason, By: o.by,
	}), record: o.record}})
	h.update(o.record)
	return nil
}

// failBack goes back to a tier, or to the best one where it is 0, and returns
// which was held; nil where none was that there is a better one for.
func (r *record) failBack(to int) (from *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.families {
		held := r.holds[f].Tier
		if next, ok := r.holds[f].Back(to, r.tiersOf(r.view(f, lens{}), f)); ok {
			r.holds[f], from = next, &held
		}
	}
	return from
}
