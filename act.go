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
	key := forceKey{record: o.record.key()}
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

// in returns the order as it is for another configuration, which may not have what
// it is about, or have it listen elsewhere.
func (o order) in(c *configuration) (order, bool) {
	key := o.key()
	if !c.index().has(key) {
		key.record = c.index().elsewhere(key.record, healthcheck.serving())
	}
	if !c.index().has(key) {
		return o, false
	}
	o.record = c.index().byKey[key.record]
	if o.target != nil {
		o.target, _ = o.record.target(key.target)
	}
	return o, true
}

// everywhere returns the order for each configuration that has begun: while one
// replaces another nobody knows yet which of them stays.
func (o order) everywhere() []order {
	var orders []order
	for _, c := range healthcheck.begun() {
		if o, ok := o.in(c); ok {
			orders = append(orders, o)
		}
	}
	return orders
}

// act does what an operator asks for, and returns the record. Orders are carried
// out one at a time, so that two of them can not take the last target together,
// and none while a configuration begins.
func (h *healthchecks) act(id, verb, by string, a status.Action) (*record, error) {
	h.steering.Lock()
	defer h.steering.Unlock()
	r, err := h.serving().index().find(id)
	if err != nil {
		return nil, err
	}
	o := order{record: r, verb: verb, by: by, Action: a}
	if a.Target != "" {
		if o.target, err = r.target(a.Target); err != nil {
			return nil, err
		}
	}
	if a.ExpiresIn != "" {
		if o.expires, err = time.ParseDuration(a.ExpiresIn); err != nil || o.expires <= 0 {
			return nil, status.Problemf(status.Invalid, `%q is no time to expire in; write it like "15m"`, a.ExpiresIn)
		}
	}
	return r, h.carryOut(o)
}

func (h *healthchecks) carryOut(o order) error {
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
	orders := o.everywhere()
	for _, one := range orders {
		if left := one.leavesNothing(o.state()); left != nil && !o.Override {
			return status.Problemf(status.Refused, "record %s would have no eligible target left for %v",
				display(left.record.Name), left.family)
		}
	}
	before := h.forces.on(o.key())
	for _, one := range orders {
		h.forces.set(one.key(), one.forced(), h.expire)
	}
	apply(orders, status.Transition{From: stateOf(before), To: o.state(), Reason: o.Reason, By: o.by})
	return nil
}

// forced is the state that the order forces.
func (o order) forced() status.Forced {
	f := status.Forced{
		Record: o.record.id(), Target: o.key().target, State: o.state(), Reason: o.Reason, By: o.by, Since: time.Now().UTC(),
	}
	if o.expires > 0 {
		f.Until = f.Since.Add(o.expires)
	}
	return f
}

func (h *healthchecks) clear(o order) error {
	before := h.forces.on(o.key())
	if before == nil {
		return status.Problemf(status.Invalid, "nothing is forced there")
	}
	orders := o.everywhere()
	for _, one := range orders {
		h.forces.clear(one.key())
	}
	apply(orders, status.Transition{From: before.State, Reason: o.Reason, By: o.by})
	return nil
}

// expire ends a forced state whose time has come.
func (h *healthchecks) expire(key forceKey, f *force) {
	h.steering.Lock()
	defer h.steering.Unlock()
	if !h.forces.end(key, f) {
		return // it was renewed meanwhile
	}
	log.Infof("%s: no longer %s, that has expired (by %s: %q)", key, f.State, f.By, f.Reason)
	apply(on(key), status.Transition{From: f.State, Reason: "expired", By: f.By})
}

// on returns an order about what a state is forced on, for each configuration that
// has exactly that.
func on(key forceKey) []order {
	var orders []order
	for _, c := range healthcheck.begun() {
		if c.index().has(key) {
			o := order{record: c.index().byKey[key.record]}
			o.target, _ = o.record.target(key.target)
			orders = append(orders, o)
		}
	}
	return orders
}

// String names what a state is forced on.
func (k forceKey) String() string {
	s := "record " + display(k.record.name)
	if k.target != "" {
		s += ", target " + k.target
	}
	return s
}

func stateOf(f *status.Forced) string {
	if f == nil {
		return ""
	}
	return f.State
}

// apply lets records decide anew under what is forced on them now, and tells what was
// done to them.
func apply(orders []order, done status.Transition) {
	for _, o := range orders {
		o.record.takeForces()
		o.record.tellOf(o.record.steered(o.key().target, done))
		healthcheck.update(o.record)
	}
}

func (r *record) steered(word string, t status.Transition) status.Transition {
	t.At, t.Kind, t.Target = time.Now().UTC(), status.Steered, word
	if on, err := r.target(word); err == nil {
		t.Tier = on.tier
	}
	return r.transition(t)
}

// failBack lets a better tier that is eligible again answer at once.
func (h *healthchecks) failBack(o order) error {
	held, orders := 0, o.everywhere()
	for _, one := range orders {
		to := 0
		if one.target != nil {
			to = one.target.tier
		}
		held = max(held, one.record.failBack(to))
	}
	if held == 0 {
		return status.Problemf(status.Invalid, "record %s holds no tier that a better one is eligible for",
			display(o.record.Name))
	}
	from := fmt.Sprintf("held tier %d", held)
	apply(orders, status.Transition{From: from, To: "failback", Reason: o.Reason, By: o.by})
	return nil
}

// failBack goes back to a tier, or to the best one where it is 0, and returns
// which was held; 0 where none was that there is a better one for.
func (r *record) failBack(to int) (from int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.families() {
		held := r.holds.of(f).Tier
		if next, ok := r.back(to, f); ok {
			r.holds.set(f, next)
			from = held
		}
	}
	return from
}
