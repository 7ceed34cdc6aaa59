package failover

import "github.com/coredns-failover/failover/plugin/status"

// lens is how the health of addresses is looked at. The zero value looks at it
// as it is: by verdicts, and by the forced states beside them.
type lens struct {
	// all and none are whatever verdicts say; none wins.
	all, none bool
	// down are words of targets, and addresses, that are taken for unhealthy.
	down map[string]bool
	// forces tells the forced state of a target in the place of its own, or nil.
	forces func(*target) string
}

// everything is the lens of those who see but health.
var everything = lens{all: true}

// sees reports whether an address is eligible.
func (l lens) sees(a *address) bool {
	switch {
	case l.none || l.down != nil && l.down[a.Addr.String()]:
		return false
	default:
		return l.all || a.verdict().Eligible()
	}
}

// through is the lens behind a target: that which its addresses are looked at
// with. Who sees but health does not see what health was forced to.
func (l lens) through(t *target) lens {
	switch {
	case l.down[t.Text]:
		l.none = true
	case l.all:
	case l.force(t) == status.ForcedHealthy:
		l.all = true
	case l.force(t) == status.ForcedUnhealthy:
		l.none = true
	}
	return l
}

// drained reports whether the target is not to be answered, by the Corefile or
// by an operator.
func (l lens) drained(t *target) bool { return t.Drain || l.force(t) == status.ForcedDrained }

func (l lens) force(t *target) string {
	if l.forces != nil {
		return l.forces(t)
	}
	return t.forced()
}

// lens returns that which decides what the record answers.
func (r *record) lens() lens {
	if r.Observe {
		return everything
	}
	return lens{}
}

// eligible reports whether an address is to be answered with.
func (a *address) eligible() bool { return a.target.record.lens().through(a.target).sees(a) }
