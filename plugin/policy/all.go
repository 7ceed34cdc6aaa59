package policy

// pickAll picks every target. With limit 8 it is Route 53's multivalue answer
// routing (topic "Multivalue answer routing" of its developer guide).
func (s *step) pickAll(q *query, sample *sample) {
	for i := range s.options {
		if s.options[i].serves(q) {
			s.add(i, q, sample)
		}
	}
}

// allPicks are those of all options, or nil where one is another record, which
// has a choice of its own for each query.
func (s *step) allPicks() []Pick {
	if len(s.options) == 1 {
		return s.options[0].picks
	}
	count := 0
	for i := range s.options {
		if s.options[i].child != nil {
			return nil
		}
		count += len(s.options[i].picks)
	}
	all := make([]Pick, 0, count)
	for i := range s.options {
		all = append(all, s.options[i].picks...)
	}
	return all
}
