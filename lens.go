package failover

import "github.com/coredns-failover/failover/plugin/status"

// lens is how targets and their health are looked at. The zero value looks at them
// as they are: by verdicts, and by the forced states beside them.
type lens struct {
	// blind sees everything healthy, whatever probes and operators say of that.
	blind bool
	// down are words of targets, and addresses, that are taken for unhealthy.
	down map[string]bool
	// forces tells the forced state of a target in the place of its own, or nil.
	forces func(*target) string
	// learned are the addresses to look at in the place of what only a question can
	// tell, where there are any.
	learned map[*target][]*address
}

// lens returns that which decides what the record answers.
func (r *record) lens() lens { return lens{blind: r.Observe} }

// sees reports whether an address is eligible.
func (l lens) sees(a *address) bool {
	switch l.health(a.target) {
	case status.ForcedUnhealthy:
		return false
	case status.ForcedHealthy:
		return l.blind || !l.downs(a)
	default:
		return !l.downs(a) && a.verdict().Eligible()
	}
}

// downs reports whether the address itself is taken for unhealthy.
func (l lens) downs(a *address) bool { return len(l.down) > 0 && l.down[a.Addr.String()] }

// health is what a target is whatever its checks say, as forced states have it:
// status.ForcedHealthy or ForcedUnhealthy. Anything else leaves that to them.
func (l lens) health(t *target) string {
	switch {
	case l.blind:
		return status.ForcedHealthy
	case l.down[t.Text]:
		return status.ForcedUnhealthy
	default:
		return l.force(t)
	}
}

// drained reports whether the target is not to be answered, by the Corefile or
// by an operator.
func (l lens) drained(t *target) bool { return t.Drain || l.force(t) == status.ForcedDrained }

// hopeless reports whether no address of the target can be answered, whatever its
// checks say.
func (l lens) hopeless(t *target) bool { return l.drained(t) || l.health(t) == status.ForcedUnhealthy }

func (l lens) force(t *target) string {
	if l.forces != nil {
		return l.forces(t)
	}
	return t.forced()
}

// eligible reports whether an address is to be answered with.
func (a *address) eligible() bool { return a.target.record.lens().sees(a) }
