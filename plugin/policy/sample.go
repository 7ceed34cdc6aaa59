package policy

import "math/rand/v2"

// sample picks at most limit of the addresses that are added, each selection as
// likely as any other: a reservoir (Vitter's algorithm R), since there may be far
// more addresses than the caller has room for.
type sample struct {
	room  []Pick // the caller's, as long as it lasts
	from  int    // where the sample begins in it
	n     int    // where it ends
	limit int    // 0 is none
	seen  int
}

// newSample returns a sample that stands behind picks.
func newSample(picks []Pick) sample {
	return sample{room: picks[:cap(picks)], from: len(picks), n: len(picks)}
}

// picks are the sample, and what stands before it.
func (s *sample) picks() []Pick { return s.room[:s.n] }

// add may be given what stands in the room right behind the sample.
func (s *sample) add(picks []Pick) {
	if s.limit == 0 {
		s.grow(len(picks))
		s.n += copy(s.room[s.n:], picks)
		return
	}
	for _, p := range picks {
		s.seen++
		if s.seen <= s.limit {
			s.grow(1)
			s.room[s.n] = p
			s.n++
		} else if i := rand.IntN(s.seen); i < s.limit {
			s.room[s.from+i] = p
		}
	}
}

// grow makes room for n more. It is no append, through which the compiler would
// see the caller's room escape to the heap.
func (s *sample) grow(n int) {
	if s.n+n <= len(s.room) {
		return
	}
	room := make([]Pick, 2*(s.n+n))
	copy(room, s.room[:s.n])
	s.room = room
}

// shuffle puts a true sample in random order; all addresses stay in theirs.
func (s *sample) shuffle() {
	if s.seen <= s.limit {
		return
	}
	mine := s.room[s.from:s.n]
	for i := len(mine) - 1; i > 0; i-- {
		j := rand.IntN(i + 1)
		mine[i], mine[j] = mine[j], mine[i]
	}
}
