package policy

import "math/rand/v2"

// weighted chooses one target with the odds of its weight over the sum of all.
// Targets of weight 0 are for when no other is eligible; they have equal odds
// (topics "Weighted routing" and "How Amazon Route 53 chooses records when health
// checking is configured" of Route 53's developer guide).
func (s *step) weighted(q *query) int {
	sum, count := 0, 0
	for i := range s.options {
		if o := &s.options[i]; o.serves(q) {
			sum += o.Weight
			count++
		}
	}
	if sum == 0 {
		return s.draw(q, rand.IntN(count), func(*option) int { return 1 })
	}
	return s.draw(q, rand.IntN(sum), func(o *option) int { return o.Weight })
}

// draw returns the option in whose share of the line the lot falls.
func (s *step) draw(q *query, lot int, share func(*option) int) int {
	i := 0
	for ; ; i++ {
		if o := &s.options[i]; o.serves(q) {
			if lot -= share(o); lot < 0 {
				return i
			}
		}
	}
}
