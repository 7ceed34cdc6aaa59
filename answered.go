package failover

import (
	"slices"
	"sync/atomic"
)

// answered counts the answers of a record by tier; 0 is those without one. It is of the
// first tiers, which is all that most records have. It lies beside what a query reads of
// the record: to count is a locked instruction, at which the processor would wait for
// memory that is elsewhere.
type answered [3]atomic.Uint64

// counter returns that of a tier.
func (r *record) counter(tier int) *atomic.Uint64 {
	if tier < len(r.served) {
		return &r.served[tier]
	}
	return &r.servedBehind[tier-len(r.served)]
}

// succession is the records that a reload has put in each other's place. Their answers
// are added up: no counter falls back.
type succession struct {
	counting []*record // one, or two while one takes the place of the other
	ended    []uint64  // what those before them have counted, by tier
}

// countOn has r count on where before does, which still counts.
func (p *past) countOn(before, r *record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.succession == nil {
		p.succession = &succession{counting: []*record{before}}
	}
	p.succession.counting = append(p.succession.counting, r)
}

// countNoMore adds up what r has counted, which has ended.
func (p *past) countNoMore(r *record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.succession
	if s == nil || !slices.Contains(s.counting, r) {
		return
	}
	s.ended = append(s.ended, make([]uint64, max(0, len(r.Tiers)+1-len(s.ended)))...)
	for tier := range len(r.Tiers) + 1 {
		s.ended[tier] += r.counter(tier).Load()
	}
	s.counting = slices.DeleteFunc(s.counting, func(one *record) bool { return one == r })
}

// answered returns how often a tier of the record has answered, and of those that were
// in its place.
func (r *record) answered(tier int) uint64 {
	r.past.mu.Lock()
	defer r.past.mu.Unlock()
	s := r.past.succession
	if s == nil {
		return r.counter(tier).Load()
	}
	var n uint64
	if tier < len(s.ended) {
		n = s.ended[tier]
	}
	for _, one := range s.counting {
		if tier <= len(one.Tiers) {
			n += one.counter(tier).Load()
		}
	}
	return n
}
