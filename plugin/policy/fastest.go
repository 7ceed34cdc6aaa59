package policy

import "time"

// fastest chooses the target that is connected to in the shortest time, unless
// the one that was last found so is still there and not a fifth slower: times
// jitter, and clients should not be moved about for it.
func (s *step) fastest(q *query) int {
	current := &s.rules.current[s.at][s.family]
	before := int(current.Load()) - 1
	best, was := timed{option: none}, timed{option: none}
	for i := range s.options {
		o := &s.options[i]
		if !o.serves(q) {
			continue
		}
		now := timed{i, o.connect()}
		if best.option == none || now.faster(best) {
			best = now
		}
		if o.order == before {
			was = now
		}
	}
	if was.option != none && !best.muchFaster(was) {
		return was.option
	}
	// A target that has nothing for this client may be the fastest for others.
	if order := s.options[best.option].order; !s.apart && order != before {
		current.Store(int32(order + 1))
	}
	return best.option
}

// timed is an option with its connect time; 0 is not known.
type timed struct {
	option  int
	connect time.Duration
}

// faster reports whether t takes less time than u; what is not known is slower
// than all others.
func (t timed) faster(u timed) bool {
	return t.connect > 0 && (u.connect == 0 || t.connect < u.connect)
}

// muchFaster reports whether t takes at least 20% less time than u.
func (t timed) muchFaster(u timed) bool {
	return t.connect > 0 && (u.connect == 0 || 5*t.connect <= 4*u.connect)
}

// connect is the shortest known time of the option's addresses, as the checks of
// the target measure it, or those of the targets within.
func (o *option) connect() time.Duration {
	var shortest timed
	for i := range o.measured {
		shortest = shortest.or(o.measured[i].Meter.Connect())
	}
	if o.child == nil {
		return shortest.connect
	}
	within := o.child.decision.first().options
	for i := range within {
		shortest = shortest.or(within[i].connect())
	}
	return shortest.connect
}

// or returns t with the shorter time.
func (t timed) or(connect time.Duration) timed {
	if u := (timed{t.option, connect}); u.faster(t) {
		return u
	}
	return t
}
