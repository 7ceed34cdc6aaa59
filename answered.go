package failover

import "sync/atomic"

// answered counts the answers of a record by tier; 0 is those without one. Two records
// count with it while one takes the place of the other, which may have more tiers.
type answered struct {
	counts [3]atomic.Uint64 // of the first tiers, which is all that most records have
	more   *answered        // of those behind
}

func newAnswered(tiers int) *answered {
	s := new(answered)
	s.reach(tiers)
	return s
}

// reach makes it count the answers of that many tiers. Whoever counts already does
// not look at what is new.
func (s *answered) reach(tiers int) {
	for ; tiers >= len(s.counts); tiers -= len(s.counts) {
		if s.more == nil {
			s.more = new(answered)
		}
		s = s.more
	}
}

// of returns the counter of a tier.
func (s *answered) of(tier int) *atomic.Uint64 {
	for ; tier >= len(s.counts); tier -= len(s.counts) {
		s = s.more
	}
	return &s.counts[tier]
}

// ahead has the counters of most records read from memory, and does not wait for it. To
// count is a locked instruction: the processor would wait for memory there, and do
// nothing else meanwhile.
func (s *answered) ahead() { s.counts[0].Load() }
