package policy

import (
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

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
// health of a target changes. It is read-only.
type Decision struct {
	// Kind, State and Tier are those of an answer to a client that no policy
	// treats differently.
	Kind  Kind
	State State
	// Held is whether Tier answers because a better one, which is eligible again, is
	// held back.
	Held bool
	// Tier is the active tier: 1 is the primary. It is 0 where there is none.
	Tier int32

	// only is what every query is answered with, where table is nil: the address if
	// Kind is Answer. Of most records that is all there is to know, and a query finds
	// it with the rest of the decision.
	only Pick
	*table
}

// table is the decision table as it holds now.
type table struct {
	// steps are its lines, in order: a client gets the first that takes it. The last
	// one takes every client.
	steps []step
	rules *Rules
	// apart is whether there are clients that the first step does not take.
	apart bool
}

// Decide says what the record answers in family f. This is the decision table:
//
//	for each tier, in order, starting at the held tier:
//	    no target with an address of family f:
//	        the tier is eligible in the other family      -> NODATA
//	        otherwise                                     -> next tier
//	    eligible = targets with a healthy or unknown address of f, not drained
//	    count(eligible) < min_healthy (default 1)         -> next tier
//	    answer policy(eligible)
//	the same from the top, without the hold
//	no tier left:
//	    a tier has an eligible target all the same        -> the first such tier
//	    no tier had candidates of family f                -> NODATA
//	    fail open (default)   -> policy(all targets of the first tier that has
//	                             any; drained ones only if all are)
//	    fail closed [RCODE]   -> RCODE, or NODATA
//	    fail next             -> the next plugin
//
// Policy clients makes one table for each client: to it a record has no targets
// but those that match it. Only min_healthy counts whole tiers, since it says
// what the tier can carry. So a client that matches
//   - nothing of the first tier is answered from the next one;
//   - only targets of the other family in an eligible tier gets NODATA;
//   - eligible targets only in tiers below min_healthy gets the first of those;
//   - nothing that is eligible gets its most exact match of the first tier where
//     it has any, be that unhealthy (fail open) or an error (fail closed);
//   - nothing at all, or nothing of family f, gets NODATA.
//
// The same goes for a target that stands for another record which has nothing
// for a client: to that client it is not there.
func (r *Record) Decide(f Family) Decision {
	views := r.within(f)
	if hasCandidates(views) { // else there is no data, whatever the other family has
		r.lookElsewhere(views, f)
	}
	d := r.decide(views)
	if only, ok := d.alike(); ok {
		d.only, d.table = only, nil
	} else if s := &d.steps[0]; s.everyone && s.picks != nil && !s.trickles {
		s.options, s.slots = nil, nil // only its picks are ever looked at
	}
	return d
}

// decide decides with the whole table, which what is about to change or to explain the
// decision must know.
func (r *Record) decide(views []view) Decision {
	d := Decision{table: &table{rules: r.Rules}}
	if hasCandidates(views) {
		start := r.start()
		d.search(views[start:])
		d.search(views[:start])
		d.letGo(views)
		d.lastResort(views)
	}
	d.add(step{Kind: NoData, everyone: true})
	first := d.first()
	d.Kind, d.State, d.Tier = first.Kind, first.State, int32(first.Tier)
	d.Held = first.Tier > r.start() && slices.ContainsFunc(views[:r.start()], func(v view) bool { return v.stops() })
	d.apart = !d.steps[0].everyone
	return d
}

// alike returns what every query is answered with, and whether there is such a thing:
// one address at most, by a step that takes every client, whatever policy and chance.
func (d *Decision) alike() (only Pick, ok bool) {
	s := &d.steps[0]
	switch {
	case !s.everyone || s.trickles:
		return Pick{}, false
	case s.Kind != Answer:
		return Pick{}, true
	case len(s.options) != 1 || len(s.options[0].picks) != 1:
		return Pick{}, false
	}
	return s.options[0].picks[0], true
}

// start is the tier at which the search starts, from 0.
func (r *Record) start() int { return max(0, min(r.Start-1, len(r.Tiers))) }

// Eligible reports for each tier whether the search would stop there.
func (r *Record) Eligible(f Family) []bool {
	var eligible []bool
	for _, v := range r.views(f) {
		eligible = append(eligible, v.stops())
	}
	return eligible
}

// add adds the next step. Where the first one takes every client nobody gets to
// another, but for trickle.
func (d *Decision) add(s step) {
	if len(d.steps) > 0 && d.steps[0].everyone && d.rules.Trickle == 0 {
		return
	}
	d.ready(&s)
	d.steps = append(d.steps, s)
}

// ready makes a step ready for whom it takes.
func (d *Decision) ready(s *step) {
	s.rules, s.limit, s.trickles = d.rules, int32(d.rules.Limit), s.enough && d.rules.Trickle > 0
	for i := range s.options {
		s.apart = s.apart || s.options[i].apart()
	}
	s.everyone = s.everyone || d.rules.Policy != model.Clients && !s.apart
	switch d.rules.Policy {
	case model.Nearest:
		s.scattered = s.isScattered()
	case model.All:
		s.picks = s.allPicks()
	case model.Clients:
		if !s.everyone && s.slots == nil {
			s.index(len(d.rules.Tiers[s.at]))
		}
	}
}

// search adds what tiers answer that are eligible.
func (d *Decision) search(views []view) {
	for i := range views {
		v := &views[i]
		if v.enough {
			s := v.answer(v.eligible)
			s.enough = true
			d.add(s)
		}
		if v.absent() || d.rules.Policy == model.Clients && len(v.elsewhere) > 0 {
			d.add(v.noData())
		}
	}
}

// letGo adds what tiers answer that would be eligible but for min_healthy.
func (d *Decision) letGo(views []view) {
	for i := range views {
		if v := &views[i]; !v.enough && len(v.eligible) > 0 {
			d.add(v.answer(v.eligible))
		}
	}
}

// lastResort adds what tiers answer when nothing is eligible.
func (d *Decision) lastResort(views []view) {
	for i := range views {
		v := &views[i]
		for _, candidates := range [...][]option{v.serving, v.drained} {
			if len(candidates) == 0 {
				continue
			}
			s := v.answer(candidates)
			s.last = true
			s.fail(d.rules.Fail)
			d.add(s)
		}
	}
}

// fail makes s the step of a fail mode.
func (s *step) fail(f model.Fail) {
	switch {
	case f.Mode == model.FailNext:
		s.Kind, s.State, s.Tier = Next, FailNext, 0
	case f.Mode == model.FailClosed && f.Rcode == 0:
		s.Kind, s.State, s.Tier = NoData, FailClosed, 0
	case f.Mode == model.FailClosed:
		s.Kind, s.State, s.Tier = Closed, FailClosed, 0
	default:
		s.State = FailOpen
	}
}

// first returns the step that takes a client that no policy treats differently.
func (d *Decision) first() *step {
	i := 0
	for d.steps[i].only {
		i++
	}
	return &d.steps[i]
}

// Candidates are the addresses that a client may get whom no policy treats
// differently: policy and limit choose among them. There is none where Kind is
// not Answer.
func (d *Decision) Candidates() []Pick {
	if d.Kind != Answer {
		return nil
	}
	if d.table == nil {
		return []Pick{d.only}
	}
	s := d.first()
	if s.picks != nil {
		return slices.Clone(s.picks)
	}
	var picks []Pick
	for i := range s.options {
		o := &s.options[i]
		picks = append(picks, o.picks...)
		if o.child != nil {
			for _, p := range o.child.decision.Candidates() {
				picks = append(picks, Pick{o.Target, p.Addr})
			}
		}
	}
	return picks
}

// healthy reports whether the record answers eligible targets.
func (d *Decision) healthy() bool { return d.Kind == Answer && d.State <= FailedOver }

// Differs reports whether two decisions differ in what is told of them: the
// kind of answer, the state or the active tier.
func (d *Decision) Differs(from *Decision) bool {
	return d.Kind != from.Kind || d.State != from.State || d.Tier != from.Tier
}

// Equals reports whether every query gets the same of both. Decisions that differ from
// query to query are not compared: they do not equal any.
func (d *Decision) Equals(other *Decision) bool { return d.table == nil && *d == *other }
