package policy

import "github.com/coredns-failover/failover/plugin/model"

// Kind says what a record answers.
type Kind uint8

// The kinds of answers.
const (
	Answer Kind = iota // addresses
	NoData             // the name exists, but has none of this family
	Closed             // the response code of "fail closed"
	Next               // whatever the next plugin says
)

// State says how a record fares, from best to worst.
type State uint8

// The states of a record.
const (
	Normal     State = iota // the primary is answered
	FailedOver              // a lower tier is
	FailOpen                // nothing is eligible: targets are answered regardless
	FailClosed              // nothing is eligible: an error is answered
	FailNext                // nothing is eligible: the next plugin answers
)

// States are all states of a record, in the order of their names.
var States = [...]State{FailClosed, FailNext, FailOpen, FailedOver, Normal}

// String returns the state's name, as metrics and logs have it.
func (s State) String() string {
	return [...]string{
		Normal: "normal", FailedOver: "failed_over",
		FailOpen: "fail_open", FailClosed: "fail_closed", FailNext: "fail_next",
	}[s]
}

// Decision is what a record answers to the questions of one family, until the
// health of a target changes.
type Decision struct {
	Kind  Kind
	State State
	// Tier is the active tier: 1 is the primary. It is 0 where there is none.
	Tier int
	// Targets are those that may be answered, with their addresses; empty
	// unless Kind is Answer.
	Targets []Chosen
}

// Decide says what record r answers in family f when its targets stand for
// tiers. This is the decision table:
//
//	for each tier, in order:
//	    no target with an address of family f:
//	        the tier is eligible in the other family      -> NODATA
//	        otherwise                                     -> next tier
//	    eligible = targets with a healthy or unknown address of f, not drained
//	    count(eligible) < min_healthy (default 1)         -> next tier
//	    answer the eligible
//	no tier left:
//	    a tier has an eligible target all the same        -> the first such tier
//	    no tier had candidates of family f                -> NODATA
//	    fail open (default)   -> all targets of the first tier that has any;
//	                             drained ones only if all are
//	    fail closed [RCODE]   -> RCODE, or NODATA
//	    fail next             -> the next plugin
func Decide(r *model.Record, f Family, tiers []Tier) Decision {
	first, all := lastResort(f, tiers)
	if len(all) == 0 {
		return Decision{Kind: NoData} // by either way of the table
	}
	for i, tier := range tiers {
		switch {
		case tier.enough(f, r.MinHealthy):
			return active(i, tier.eligible(f))
		case len(tier.candidates(f)) == 0 && tier.enough(f.other(), r.MinHealthy):
			return Decision{Kind: NoData, State: stateOf(i), Tier: i + 1}
		}
	}
	for i, tier := range tiers {
		if eligible := tier.eligible(f); len(eligible) > 0 {
			return active(i, eligible)
		}
	}
	return failed(r.Fail, first, all)
}

func active(i int, targets []Chosen) Decision {
	return Decision{Kind: Answer, State: stateOf(i), Tier: i + 1, Targets: targets}
}

func stateOf(i int) State {
	if i == 0 {
		return Normal
	}
	return FailedOver
}

// failed decides when nothing is eligible; targets are the last resort, in the
// i-th tier.
func failed(fail model.Fail, i int, targets []Chosen) Decision {
	switch {
	case fail.Mode == model.FailNext:
		return Decision{Kind: Next, State: FailNext}
	case fail.Mode == model.FailClosed && fail.Rcode == 0:
		return Decision{Kind: NoData, State: FailClosed}
	case fail.Mode == model.FailClosed:
		return Decision{Kind: Closed, State: FailClosed}
	default:
		return Decision{Kind: Answer, State: FailOpen, Tier: i + 1, Targets: targets}
	}
}

// lastResort returns the first tier that has targets of family f, and those of
// them that are not drained, or all if all are.
func lastResort(f Family, tiers []Tier) (int, []Chosen) {
	for i, tier := range tiers {
		all := tier.candidates(f)
		if len(all) == 0 {
			continue
		}
		var serving []Chosen
		for _, c := range all {
			if !c.Drain {
				serving = append(serving, c)
			}
		}
		if len(serving) == 0 {
			serving = all
		}
		return i, serving
	}
	return 0, nil
}

// Differs reports whether two decisions differ in what is told of them: the
// kind of answer, the state or the active tier.
func (d Decision) Differs(from Decision) bool {
	return d.Kind != from.Kind || d.State != from.State || d.Tier != from.Tier
}
