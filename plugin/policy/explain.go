package policy

import (
	"fmt"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

// Reason is one line of the reasoning behind a choice.
type Reason struct {
	Tier int    // that it is about, 1 is the primary; 0 is the record as a whole
	Text string // one short sentence for people
}

// Explain makes the choice for one query as Decide and Choose do, and returns the
// reasons for it in order. Where chance has a say they are those of the choice
// that is returned. Nothing remembers it: the choice of policy fastest for the
// next query is what it would have been.
//
// It knows that an address is not eligible, but not why: what probes have found is
// for others to add.
func (r *Record) Explain(f Family, c Client) (Choice, []Reason) {
	r = r.copy()
	views := r.views(f)
	d := r.decide(views)

	// This is Choose, with what it finds on its way.
	q, sample := query{client: c}, newSample(nil)
	m := match{query: &q}
	d.match(&m)
	found := d.find(&m)
	chosen := d.trickle(&m, found)
	s := &d.steps[chosen]
	if s.Kind == Answer {
		s.pick(&m, &sample)
	}
	choice := Choice{Kind: s.Kind, State: s.State, Tier: s.Tier, Picks: sample.picks(), Scope: q.scope}

	e := explanation{
		record: r, family: f, views: views, decision: &d,
		match: match{query: &query{client: c}}, passed: map[int]bool{},
	}
	d.match(&e.match)
	e.search(&d.steps[found])
	e.trickle(found, chosen)
	if s.Kind == Answer {
		e.policy(s, choice.Picks)
		e.limit(s, &sample)
	}
	return choice, e.reasons
}

// copy returns a copy of the record that shares no memory of choices with it.
func (r *Record) copy() *Record {
	copied := &Record{Rules: r.Rules.copy(), Start: r.Start, Tiers: make([]Tier, len(r.Tiers))}
	for i := range r.Tiers {
		copied.Tiers[i] = slices.Clone(r.Tiers[i])
		for j := range copied.Tiers[i] {
			if t := &copied.Tiers[i][j]; t.Record != nil {
				t.Record = t.Record.copy()
			}
		}
	}
	return copied
}

// explanation collects the reasons for a choice.
type explanation struct {
	record   *Record
	family   Family
	views    []view
	decision *Decision
	match    match        // of the client, for questions that the choice did not ask
	passed   map[int]bool // the tiers of which has been said why they do not answer
	reasons  []Reason
}

// say adds a reason about a tier, or about the record where that is 0.
func (e *explanation) say(tier int, format string, args ...any) {
	e.reasons = append(e.reasons, Reason{tier, fmt.Sprintf(format, args...)})
}

// search explains how the search came to step s. It follows Decide line by line.
func (e *explanation) search(s *step) {
	if s.isFinal() {
		e.final()
		return
	}
	e.hold()
	start, order := e.record.start(), e.order()
	for i, v := range order {
		if start > 0 && i == len(order)-start {
			e.say(0, "no tier from tier %d on answers: the search starts from the top", start+1)
		}
		if s.stopped(v) {
			e.targets(v)
			e.stop(v, s)
			return
		}
		e.pass(v, i < len(order)-1)
	}
	e.fall(s)
}

// order is that in which tiers are searched.
func (e *explanation) order() []*view {
	var order []*view
	for i := range e.views {
		order = append(order, &e.views[(e.record.start()+i)%len(e.views)])
	}
	return order
}

// hold explains why the search does not start at the primary.
func (e *explanation) hold() {
	for at := range e.record.start() {
		if v := &e.views[at]; v.stops() {
			e.say(at+1, "tier %d is eligible again, but failback holds tier %d", at+1, e.record.Start)
		} else {
			e.pass(v, true)
		}
	}
}

// isFinal reports whether the step is that of clients for whom there is nothing.
func (s *step) isFinal() bool { return s.Kind == NoData && s.Tier == 0 && !s.last }

// stopped reports whether the search stopped at the tier, with that step.
func (s *step) stopped(v *view) bool {
	return s.at == v.at && !s.last && (s.enough || s.Kind == NoData)
}

// stop explains the tier that the search stopped at.
func (e *explanation) stop(v *view, s *step) {
	switch {
	case s.enough:
		e.say(s.Tier, "tier %d is eligible: it answers", s.Tier)
	case s.everyone:
		e.say(s.Tier, "tier %d has no %s, and is eligible in %s: NODATA", s.Tier, e.address(), v.family.opposite())
	default:
		e.say(s.Tier, "tier %d has no %s for %s, and is eligible in %s: NODATA",
			s.Tier, e.address(), e.client(), v.family.opposite())
	}
}

// opposite is the other family of addresses.
func (f Family) opposite() Family {
	other, _ := f.other()
	return other
}

// address names what the question asks for: "IPv4 address".
func (e *explanation) address() string {
	if e.family == Any {
		return "address"
	}
	return e.family.String() + " address"
}

// client names who asks: its address, or its network where no more is known.
func (e *explanation) client() string {
	p := e.match.query.prefix()
	switch {
	case !p.IsValid():
		return "this client"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// pass explains why the search went past a tier.
func (e *explanation) pass(v *view, more bool) {
	if e.passed[v.at] {
		return
	}
	e.passed[v.at] = true
	e.targets(v)
	next := ""
	if more {
		next = ": next tier"
	}
	tier, eligible, size := v.at+1, len(v.eligible), len(v.serving)+len(v.drained)
	switch {
	case size == 0 && v.family != Any && !v.absent():
		e.say(tier, "tier %d is passed over: it has no %s, and is not eligible in %s either",
			tier, e.address(), v.family.opposite())
	case size == 0:
		e.say(tier, "tier %d is passed over: it has no %s", tier, e.address())
	case v.enough:
		e.say(tier, "tier %d is eligible, but has nothing eligible for %s%s", tier, e.client(), next)
	case eligible == 0:
		e.say(tier, "tier %d has no eligible target%s", tier, next)
	default:
		e.say(tier, "tier %d has %d of %d eligible targets, %d needed (min_healthy)%s",
			tier, eligible, size, e.record.MinHealthy.Of(size), next)
	}
}

// maxTargets is how many targets of a tier are explained one by one.
const maxTargets = 10

// targets explains why targets of a tier are not eligible.
func (e *explanation) targets(v *view) {
	var lines []string
	serving, drained, eligible := byOrder(v.serving), byOrder(v.drained), byOrder(v.eligible)
	for order := range e.record.Tiers[v.at] {
		t := &e.record.Tiers[v.at][order]
		if t.Record != nil {
			lines = append(lines, e.answersByItself(t))
		}
		switch {
		case drained[order] != nil:
			lines = append(lines, t.Text+" is drained")
		case serving[order] == nil:
			lines = append(lines, e.nothing(t)...)
		case eligible[order] == nil:
			lines = append(lines, e.unhealthy(t, serving[order]))
		default:
			lines = append(lines, partly(eligible[order], serving[order])...)
		}
	}
	for _, line := range lines[:min(len(lines), maxTargets)] {
		e.say(v.at+1, "%s", line)
	}
	if left := len(lines) - maxTargets; left > 0 {
		e.say(v.at+1, "%d more lines about targets of tier %d are left out", left, v.at+1)
	}
}

// answersByItself is the reasoning of another record in one line.
func (e *explanation) answersByItself(t *Target) string {
	d := t.Record.Decide(e.family)
	switch d.Kind {
	case Answer:
		return fmt.Sprintf("%s answers by itself: %v, tier %d", t.Text, d.State, d.Tier)
	case NoData:
		return fmt.Sprintf("%s answers by itself: %v, NODATA", t.Text, d.State)
	}
	return fmt.Sprintf("%s answers by itself: %v", t.Text, d.State)
}

// byOrder returns options by their order in the tier.
func byOrder(options []option) map[int]*option {
	found := make(map[int]*option, len(options))
	for i := range options {
		found[options[i].order] = &options[i]
	}
	return found
}

// nothing says that a target has nothing of the family, unless its word says so
// itself, or what another record answers.
func (e *explanation) nothing(t *Target) []string {
	if t.Record != nil || t.Kind == model.Address && len(t.Addresses) > 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s has no %s", t.Text, e.address())}
}

// unhealthy says that all that a target could answer is not eligible.
func (e *explanation) unhealthy(t *Target, all *option) string {
	switch {
	case t.Record != nil && t.EvaluateTargetHealth:
		return t.Text + " is not eligible: nothing in it is (evaluate_target_health)"
	case len(all.picks) == 1:
		return t.Text + " is not eligible: unhealthy"
	}
	return fmt.Sprintf("%s is not eligible: every %s of it is unhealthy", t.Text, e.address())
}

// partly says that a target is eligible without some of its addresses.
func partly(eligible, all *option) []string {
	n, of := len(eligible.picks), len(all.picks)
	if n == of {
		return nil
	}
	return []string{fmt.Sprintf("%s is eligible with %d of %d addresses: the rest is unhealthy", all.Text, n, of)}
}

// fall explains the step that holds where no tier is eligible, or none for the
// client.
func (e *explanation) fall(s *step) {
	if !s.last {
		e.say(s.Tier, "no tier has as many eligible targets as it needs%s: min_healthy is let go, and tier %d answers",
			e.forClient(), s.Tier)
		return
	}
	why := "no tier has an eligible target"
	if e.anyEligible() {
		why = "no eligible target is for " + e.client()
	}
	switch {
	case s.Kind == Next:
		e.say(0, "%s: fail next, the next plugin answers", why)
	case s.Kind == NoData:
		e.say(0, "%s: fail closed, NODATA", why)
	case s.Kind == Closed:
		e.say(0, "%s: fail closed, %s", why, rcode(e.record.Fail.Rcode))
	case e.record.Tiers[s.at][s.options[0].order].drained():
		e.say(s.Tier, "%s: fail open, tier %d answers regardless, though it is drained", why, s.Tier)
	default:
		e.say(s.Tier, "%s: fail open, tier %d answers regardless", why, s.Tier)
	}
}

// anyEligible reports whether there is an eligible target for someone.
func (e *explanation) anyEligible() bool {
	return slices.ContainsFunc(e.views, func(v view) bool { return len(v.eligible) > 0 })
}

// forClient says so where there are tiers that are eligible for others.
func (e *explanation) forClient() string {
	if slices.ContainsFunc(e.views, func(v view) bool { return v.enough }) {
		return " for " + e.client()
	}
	return ""
}

// rcodes are the names of response codes that fit into a header (RFC 6895, 2.3).
var rcodes = [...]string{
	1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
	6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI",
}

func rcode(code int) string {
	if code < len(rcodes) && rcodes[code] != "" {
		return rcodes[code]
	}
	return fmt.Sprint("response code ", code)
}

// final explains why there is nothing.
func (e *explanation) final() {
	if !hasCandidates(e.views) {
		for i := range e.views {
			e.targets(&e.views[i])
		}
		e.say(0, "no target has an %s: NODATA", e.address())
		return
	}
	if c := e.match.cursor(); e.record.Policy == model.Clients && c.next() == nil {
		e.say(0, "policy clients: %s matches no target: NODATA", e.client())
		return
	}
	e.say(0, "no target has an %s for %s: NODATA", e.address(), e.client())
}

// trickle explains whether chance sent the query to the standby.
func (e *explanation) trickle(found, chosen int) {
	s := &e.decision.steps[found]
	if e.record.Trickle == 0 || !s.enough {
		return
	}
	standby := e.decision.standby(&e.match, found)
	if standby == found {
		return
	}
	to := &e.decision.steps[standby]
	share := fmt.Sprintf("trickle: %d%% of the queries get tier %d instead", e.record.Trickle, to.Tier)
	if chosen == found {
		e.say(s.Tier, "%s, but not this one, by chance", share)
		return
	}
	for at := s.at + 1; at < to.at; at++ {
		e.pass(&e.views[at], true)
	}
	e.targets(&e.views[to.at])
	e.say(to.Tier, "%s, and so does this one, by chance", share)
}
