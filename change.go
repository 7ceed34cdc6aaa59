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
	state policy.State // of the record, where the kind is status.RecordChanged
}

// past is what has been told of a record. A configuration hands it on to the next,
// so that only what differs is told.
type past struct {
	// turn is held from looking at the record until it is told what is new, so
	// that news come in order.
	turn     sync.Mutex
	of       *record              // that was looked at last
	answers  [policy.Any + 1]told // by family
	verdicts []verdict.Verdict    // of its targets, in their order; unknown is not told

	mu         sync.Mutex
	history    *history    // nil if there is none, as for most
	succession *succession // nil while one record has it alone
}

// told is what is told of a decision. The zero value is nothing.
type told struct {
	is    bool
	kind  policy.Kind
	state policy.State
	tier  int32
}

func telling(d *policy.Decision) told { return told{true, d.Kind, d.State, d.Tier} }

// turnTo looks at a record from now on: what was told of targets that it has, in
// whichever tier, goes on, and the rest is forgotten.
func (p *past) turnTo(r *record) {
	if p.of == r {
		return
	}
	known := make(map[string]verdict.Verdict)
	if p.of != nil {
		for i := range p.of.targets {
			known[p.of.targets[i].Text] = p.verdicts[i]
		}
	}
	p.of, p.verdicts = r, make([]verdict.Verdict, len(r.targets))
	for i := range r.targets {
		p.verdicts[i] = known[r.targets[i].Text]
	}
	for f := range p.answers {
		if !slices.Contains(r.families(), policy.Family(f)) {
			p.answers[f] = told{}
		}
	}
}

// mostPast is how many transitions a record remembers.
const mostPast = 100

// history is the last transitions, in a ring.
type history struct {
	ring   []status.Transition
	oldest int // its place, once the ring is full
}

func (p *past) add(t status.Transition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.history == nil {
		p.history = new(history)
	}
	h := p.history
	if len(h.ring) < mostPast {
		h.ring = append(h.ring, t)
		return
	}
	h.ring[h.oldest] = t
	h.oldest = (h.oldest + 1) % mostPast
}

// newest returns the transitions, newest first.
func (p *past) newest() []status.Transition {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []status.Transition{}
	if h := p.history; h != nil {
		all = append(append(all, h.ring[h.oldest:]...), h.ring[:h.oldest]...)
	}
	slices.Reverse(all)
	return all
}

// tell tells of what is new about records, of those that serve: to the log, to
// the record's past, and to those who watch.
func (h *healthchecks) tell(records ...*record) {
	for _, r := range records {
		r.tell()
	}
}

func (r *record) tell() {
	r.past.turn.Lock()
	defer r.past.turn.Unlock()
	if !r.handler.serves() {
		return
	}
	r.news(time.Now(), func(c change) {
		logChange(c)
		r.publish(c.Transition)
	})
}

// tellOf tells of what is not found out by looking: that somebody has done
// something.
func (r *record) tellOf(t status.Transition) {
	r.past.turn.Lock()
	defer r.past.turn.Unlock()
	if r.handler.serves() {
		r.publish(t)
	}
}

func (r *record) publish(t status.Transition) {
	r.past.add(t)
	r.handler.claims.configuration.operation.publish(t)
	healthcheck.changed()
}

// look takes what is known of the record for told.
func (r *record) look() {
	r.past.turn.Lock()
	defer r.past.turn.Unlock()
	r.news(time.Now(), func(change) {})
}

// news tells what has changed since it was last called. It is called in turn.
func (r *record) news(now time.Time, tell func(change)) {
	r.past.turnTo(r)
	r.newVerdicts(now, tell)
	for _, f := range r.families() {
		a := r.answers[f].Load()
		if a == nil || a.guessed {
			continue
		}
		before, after := r.past.answers[f], telling(a.actual())
		r.past.answers[f] = after
		if before.is && before != after {
			tell(change{r.transition(status.Transition{
				At: now.UTC(), Kind: status.RecordChanged, Family: f.String(),
				From: r.words(before), To: r.words(after), Reason: r.reason(a),
			}), a.actual().State})
		}
	}
}

// newVerdicts tells which targets have another verdict than was last told. That one
// is unknown is no news, nor that a first one is healthy.
func (r *record) newVerdicts(now time.Time, tell func(change)) {
	for i := range r.targets {
		t := &r.targets[i]
		from, to := r.past.verdicts[i], t.verdict()
		if from == to || to == verdict.Unknown {
			continue
		}
		r.past.verdicts[i] = to
		if from == verdict.Unknown && to == verdict.Healthy {
			continue
		}
		tell(change{Transition: r.transition(status.Transition{
			At: now.UTC(), Kind: status.TargetChanged, Tier: t.tier, Target: t.Text,
			From: from.String(), To: to.String(), Reason: t.reason(),
		})})
	}
}

func (r *record) transition(t status.Transition) status.Transition {
	t.Record, t.Name = r.id(), display(r.Name)
	return t
}
