package policy

import "github.com/coredns-failover/failover/plugin/model"

// step is a line of the decision table that holds: what it answers, and whom it
// takes. It is read-only.
type step struct {
	Kind  Kind
	State State

	enough   bool // the tier is eligible
	trickles bool // the next eligible tier gets a share of its queries
	last     bool // nothing is eligible
	only     bool // it takes none but clients that policy clients treats differently
	everyone bool // it takes every client
	apart    bool // there is an option that has nothing for some clients

	Tier      int
	limit     int32 // of the rules; most answers need nothing else of them
	family    Family
	scattered bool   // there are options in different places (policy nearest)
	picks     []Pick // of all options, if none is another record (policy all)

	rules *Rules
	at    int // the tier that it is of, from 0

	// options are the targets that may be answered; where Kind is not Answer,
	// those that it is about.
	options []option
	// slots say for each target of the tier where it stands in options, or none;
	// in a step for clients who are served in the other family, here or elsewhere.
	slots []int
}

// What slots hold besides places in options.
const (
	none      = -1
	here      = 0 // a candidate
	elsewhere = 1 // no candidate, but eligible in the other family
)

// index finds the options of a tier of that size by their targets.
func (s *step) index(size int) {
	s.slots = make([]int, size)
	for order := range s.slots {
		s.slots[order] = none
	}
	for i := range s.options {
		s.slots[s.options[i].order] = i
	}
}

// takes reports whether the step answers the client.
func (s *step) takes(m *match) bool {
	switch {
	case s.everyone:
		return true
	case s.rules.Policy != model.Clients:
		return s.servesAny(m.query)
	case s.isElsewhere():
		return s.servesElsewhere(m)
	}
	return s.servesMatching(m)
}

// isElsewhere reports whether the step is for those clients who match nothing but
// targets that are served in the other family.
func (s *step) isElsewhere() bool { return s.Kind == NoData && !s.last && !s.everyone }

// servesAny reports whether any option has something for the client.
func (s *step) servesAny(q *query) bool {
	for i := range s.options {
		if s.options[i].serves(q) {
			return true
		}
	}
	return false
}

// apart reports whether the option has nothing for some clients.
func (o *option) apart() bool { return o.child != nil && o.child.decision.apart }

// serves reports whether the option has something for the client.
func (o *option) serves(q *query) bool { return !o.apart() || o.child.serves(q) }
