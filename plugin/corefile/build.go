package corefile

import (
	"hash/maphash"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

// build returns the record of that name. Names differ in their checks, whose
// host is the name unless they say otherwise; the rest is shared, since nothing
// changes a model.
func (r *record) build(name string, known lists) (model.Record, error) {
	built := r.answer
	built.Name = name
	checks, err := r.health.forRecord(name, known)
	if err != nil {
		return model.Record{}, err
	}
	built.Tiers = make([]model.Tier, len(r.tiers))
	for n := range built.Tiers {
		if built.Tiers[n], err = r.buildTier(r.tiers[n+1], name, checks, known); err != nil {
			return model.Record{}, err
		}
	}
	return built, nil
}

// buildTier returns a tier. Targets without checks of their own share those of
// the record: a thousand of them must not cost a thousand copies.
func (r *record) buildTier(targets []target, name string, shared []model.Check, known lists) (model.Tier, error) {
	tier := make(model.Tier, 0, len(targets))
	for i := range targets {
		t := targets[i].answer
		t.Checks = shared
		if own := &targets[i].health; own.says() {
			var err error
			if t.Checks, err = own.forRecord(name, known); err != nil {
				return nil, err
			}
		}
		tier = append(tier, t)
	}
	return tier, nil
}

// lists are the lists of checks of a server block, by their hash: records that are
// checked alike, as those are that a program or a snippet writes, share one. Two that
// have the same hash and differ are rare, and the second is not shared.
type lists struct {
	seed  maphash.Seed
	known map[uint64][]model.Check
}

func newLists() lists { return lists{maphash.MakeSeed(), make(map[uint64][]model.Check)} }

// shared returns the list that equals checks, which is checks if it is the first.
func (l lists) shared(checks []model.Check) []model.Check {
	type link struct {
		before uint64
		check  model.Check
	}
	var sum uint64
	for i := range checks {
		sum = maphash.Comparable(l.seed, link{sum, checks[i]})
	}
	first, found := l.known[sum]
	switch {
	case !found:
		l.known[sum] = checks
		return checks
	case slices.Equal(first, checks):
		return first
	default:
		return checks
	}
}
