package verdict

import "time"

// Tier is how a tier fares in one address family.
type Tier struct {
	Eligible bool // the search for an answer, when it gets here, ends here
	Decided  bool // it has had a verdict at some time
}

// Failback says when a better tier that is eligible again is answered. The zero
// value is auto: at once.
type Failback struct {
	Manual bool          // only when an operator says so; After counts for nothing
	After  time.Duration // when it has been eligible for that long without a break
}

// Hold is the tier that a record keeps to in one family, and since when the
// others could take over. It is a value: what knows of one may hand it to its
// successor, even where that has other tiers. The zero value holds nothing.
type Hold struct {
	Tier int // that answers and is held, from 1; 0 where none is
	// since is when each tier became eligible, from the first; zero for those
	// that are not.
	since []time.Time
}

// Start returns the tier, from 1, at which the search for an answer starts.
func (h Hold) Start() int { return max(1, h.Tier) }

// Next returns the hold that follows h when tiers, from the first, fare as they
// do at now. wake is when to ask again even if nothing changes; zero is never.
//
//	           a tier is eligible: the first one
//	+------+ --------------------------------------> +------+ ---+  a better one is
//	| none |                                         | held |    |  eligible for After:
//	+------+ <-------------------------------------- +------+ <--+  the best such one
//	          a better tier is undecided, or none
//	          is eligible
//
// Only failing back waits: when the held tier is no longer eligible, the first
// one that is takes its place at once, even one that was being waited for. And
// a better tier that has not had a verdict yet makes every eligible one
// welcome, since what answers before that answers only for want of knowledge.
func (h Hold) Next(now time.Time, f Failback, tiers []Tier) (next Hold, wake time.Time) {
	next.since = h.track(now, tiers)
	first := firstEligible(tiers)
	next.Tier = h.Tier
	if h.Tier == 0 || h.Tier > len(tiers) || !tiers[h.Tier-1].Eligible || !decided(tiers[:h.Tier-1]) {
		next.Tier = first
	}
	if first == 0 || !decided(tiers[:next.Tier-1]) {
		next.Tier = 0
		return next, time.Time{}
	}
	if !f.Manual {
		next.Tier, wake = next.back(now, f.After)
	}
	return next, wake
}

// Back returns the hold that follows h when an operator says to go back: to a tier
// that fares well enough, or where to is 0 to the first such one. It reports
// whether there is a better one than that which is held.
func (h Hold) Back(to int, tiers []Tier) (Hold, bool) {
	if to == 0 {
		to = firstEligible(tiers)
	}
	if to == 0 || to >= h.Tier || !tiers[to-1].Eligible {
		return h, false
	}
	h.Tier = to
	return h, true
}

// track returns since when each tier is eligible without a break.
func (h Hold) track(now time.Time, tiers []Tier) []time.Time {
	since := make([]time.Time, len(tiers))
	copy(since, h.since)
	for i, t := range tiers {
		switch {
		case !t.Eligible:
			since[i] = time.Time{}
		case since[i].IsZero():
			since[i] = now
		}
	}
	return since
}

// back returns the best tier that may answer now, and when a better one may.
func (h Hold) back(now time.Time, after time.Duration) (tier int, wake time.Time) {
	for i, since := range h.since[:h.Tier-1] {
		if since.IsZero() {
			continue
		}
		ripe := since.Add(after)
		if !ripe.After(now) {
			return i + 1, wake
		}
		if wake.IsZero() || ripe.Before(wake) {
			wake = ripe
		}
	}
	return h.Tier, wake
}

// firstEligible returns the first eligible tier, from 1, or 0.
func firstEligible(tiers []Tier) int {
	for i, t := range tiers {
		if t.Eligible {
			return i + 1
		}
	}
	return 0
}

func decided(tiers []Tier) bool {
	for _, t := range tiers {
		if !t.Decided {
			return false
		}
	}
	return true
}
