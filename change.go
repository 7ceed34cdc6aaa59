package failover

import (
	"slices"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// change is something about a record that those who watch want to know.
type change struct {
	status.Transition
	record *record
	state  policy.State // of the record, where the kind is status.RecordChanged
}

// switched is the change of what a family's questions are answered with.
func (r *record) switched(f policy.Family, before, after *answer) change {
	return change{r.transition(status.Transition{
		At: after.since, Kind: status.RecordChanged, Family: f.String(),
		From: r.told(before.actual), To: r.told(after.actual), Reason: r.reason(after),
	}), r, after.actual.State}
}

func (r *record) transition(t status.Transition) status.Transition {
	t.Record, t.Name = r.id(), display(r.Name)
	return t
}

// turn returns which targets have another verdict than was last told. That one is
// unknown is no news, nor that a first one is healthy. The record is locked.
func (r *record) turn(now time.Time) []change {
	var changes []change
	for _, t := range r.targets() {
		from, to := t.told, t.verdict()
		if from == to || to == verdict.Unknown {
			continue
		}
		t.told = to
		if from == verdict.Unknown && to == verdict.Healthy {
			continue
		}
		changes = append(changes, change{r.transition(status.Transition{
			At: now, Kind: status.TargetChanged, Tier: t.tier, Target: t.Text,
			From: from.String(), To: to.String(), Reason: t.reason(),
		}), r, 0})
	}
	return changes
}

// mostPast is how many transitions a record remembers.
const mostPast = 100

// past is what has changed about a record.
type past struct {
	mu          sync.Mutex
	transitions []status.Transition // oldest first
}

func (p *past) add(t status.Transition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.transitions) == mostPast {
		p.transitions = append(p.transitions[:0], p.transitions[1:]...)
	}
	p.transitions = append(p.transitions, t)
}

// newest returns the transitions, newest first.
func (p *past) newest() []status.Transition {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := append([]status.Transition{}, p.transitions...)
	slices.Reverse(all)
	return all
}

// tell tells of changes in the newest configuration: to the log, to the record's
// past, and to those who watch.
func (h *healthchecks) tell(changes []change) {
	if len(changes) == 0 {
		return
	}
	transitions := make([]status.Transition, len(changes))
	for i, c := range changes {
		logChange(c)
		c.record.past.add(c.Transition)
		transitions[i] = c.Transition
	}
	if newest := h.newest(); newest != nil {
		newest.operation.publish(transitions)
	}
	h.changed()
}
