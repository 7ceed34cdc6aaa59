package failover

import (
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// summary is the record in a few words.
func (r *record) summary() status.Summary {
	s := status.Summary{
		ID: r.id(), Name: display(r.Name), State: r.state().String(), Observed: r.Observe,
		Forced: healthcheck.forces.count(r.key()),
	}
	for t := range r.targets.each() {
		s.Targets++
		if t.verdict().Eligible() {
			s.Healthy++
		}
	}
	for _, f := range r.families() {
		if a := r.answers[f].Load(); a != nil {
			s.Families = append(s.Families, a.show())
		}
	}
	return s
}

// kinds are the names of what is answered.
var kinds = [...]string{policy.Answer: "answer", policy.NoData: "no_data", policy.Closed: "closed", policy.Next: "next"}

// show is what is answered in one family by health as it is.
func (a *answer) show() status.Family {
	r := a.record
	return status.Family{
		Family: a.family.String(), Kind: kinds[a.actual().Kind], State: a.actual().State.String(), Tier: int(a.actual().Tier),
		Since: time.Unix(0, a.since).UTC(), Answers: answersOf(a.actual().Candidates()),
		Waiting: r.Failback.Mode != model.FailbackAuto && r.waits(a.family),
	}
}

// answersOf are picks as an answer has them: addresses, the name of a CNAME, or
// "next" where only the next plugins know.
func answersOf(picks []policy.Pick) []string {
	answers := []string{}
	for _, p := range picks {
		answer := p.Addr.String()
		switch {
		case p.Target.CNAME:
			answer = display(p.Target.Name)
		case p.Addr.IsUnspecified() && p.Target.Kind != model.Address:
			answer = p.Target.Text
		}
		if !slices.Contains(answers, answer) {
			answers = append(answers, answer)
		}
	}
	return answers
}

// show is all that is known of the record.
func (r *record) show() status.Record {
	key := r.key()
	s := status.Record{
		Summary: r.summary(),
		Server:  key.server, Zone: display(key.zone), View: key.view,
		TTL: r.TTL.Max.Seconds(), Policy: string(r.Policy), Fail: r.failWords(), Failback: r.failbackWords(),
		Force:   healthcheck.forces.on(forceKey{record: key}),
		History: r.past.newest(),
	}
	for _, qtype := range r.Types {
		s.Types = append(s.Types, dns.Type(qtype).String())
	}
	for i := range r.Tiers {
		tier := status.Tier{Tier: i + 1}
		for _, f := range s.Families {
			if f.Tier == tier.Tier {
				tier.Active = append(tier.Active, f.Family)
			}
		}
		for t := range r.tier(tier.Tier).each() {
			tier.Targets = append(tier.Targets, t.show())
		}
		s.Tiers = append(s.Tiers, tier)
	}
	return s
}

func (r *record) failWords() string {
	switch r.Fail.Mode {
	case model.FailNext:
		return "next"
	case model.FailClosed:
		if r.Fail.Rcode == 0 {
			return "closed NODATA"
		}
		return "closed " + dns.RcodeToString[r.Fail.Rcode]
	default:
		return "open"
	}
}

func (r *record) failbackWords() string {
	switch r.Failback.Mode {
	case model.FailbackManual:
		return "manual"
	case model.FailbackAfter:
		return "after " + r.Failback.After.String()
	default:
		return "auto"
	}
}

// mostShown bounds the addresses of a target that are shown.
const mostShown = 100

// show is all that is known of the target.
func (t *target) show() status.Target {
	s := status.Target{
		Target: t.Text, Verdict: t.verdict().String(), Drained: t.Drain, Force: t.force.Load(), Weight: t.Weight,
		Eligible: t.eligible(), Addresses: []status.Address{},
	}
	addresses := t.all()
	for _, a := range addresses[:min(len(addresses), mostShown)] {
		s.Addresses = append(s.Addresses, a.show())
	}
	s.More = len(addresses) - len(s.Addresses)
	if t.naming != nil {
		if err := t.naming.name.State().Err; err != nil {
			s.Unresolved = err.Error()
		}
	}
	return s
}

// eligible reports whether the target may be answered in any family, or once it is
// known what it stands for.
func (t *target) eligible() bool {
	l := t.record.lens()
	if t.child == nil && t.unresolved() {
		return !l.hopeless(t)
	}
	return slices.ContainsFunc(t.record.families(), func(f policy.Family) bool {
		view := t.view(f, l)
		return view.Eligible(f)
	})
}

// text is the address as people read it: where it only stands for what a name has
// of other types, that name.
func (a *address) text() string {
	if a.IsUnspecified() && a.target.Kind != model.Address {
		return a.target.Text
	}
	return a.Addr.String()
}

func (a *address) show() status.Address {
	s := status.Address{Address: a.text(), Host: a.host(), Verdict: a.verdict().String(), Checks: []status.Check{}}
	for i, c := range a.checks {
		s.Checks = append(s.Checks, showCheck(&a.target.Checks[i], c))
	}
	return s
}

func showCheck(m *model.Check, h health) status.Check {
	known := h.Status()
	s := status.Check{
		Check: m.String(), Verdict: h.Verdict().String(), Since: known.Since.UTC(), LastProbe: known.Probed.UTC(),
		Took: known.Took.Seconds(), Broken: known.Broken,
	}
	if known.Err != nil {
		s.LastError = strings.ToValidUTF8(known.Err.Error(), "\uFFFD")
	}
	if probed, ok := h.(*engine.Check[owner]); ok {
		s.Probed = true
		if watched, now := probed.Watching(); watched {
			s.Watched = &now
		}
		s.Recent = seconds(probed.Recent())
	}
	return s
}

func seconds(ds []time.Duration) []float64 {
	s := make([]float64, len(ds))
	for i, d := range ds {
		s[i] = d.Seconds()
	}
	return s
}
