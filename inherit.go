package failover

// A reload puts new records in the place of old ones. What they have counted
// goes on, so that no counter falls back; what they know of health goes on in
// the checks.

// inherit takes over what before has counted; before may be nil.
func (r *record) inherit(before *record) {
	if before != nil {
		copy(r.served, before.served)
	}
}

// targetLike returns the target of r, which may be nil, in the place of t: the
// same word in the same tier. It is nil where there is none.
func (r *record) targetLike(t *target) *target {
	if r == nil || t.tier > len(r.tiers) {
		return nil
	}
	for _, old := range r.tiers[t.tier-1] {
		if old.Text == t.Text {
			return old
		}
	}
	return nil
}

// inherit takes over what before has counted; before may be nil.
func (t *target) inherit(before *target) {
	if before != nil {
		t.transitions = before.transitions
	}
}

// addressLike returns the address of t, which may be nil, that equals a.
func (t *target) addressLike(a *address) *address {
	if t == nil {
		return nil
	}
	for _, old := range t.addresses {
		if old.Addr == a.Addr {
			return old
		}
	}
	return nil
}
