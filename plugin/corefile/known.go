package corefile

import (
	"hash/maphash"
	"reflect"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

// known is what the records of a server block may share: those that a program or a
// snippet writes are mostly alike.
type known struct {
	checks  lists[model.Check]
	tiers   lists[model.Target]
	options map[plainOptions]*model.TargetOptions
	// Of the record before: records that are alike follow each other.
	lastSettings *model.Settings
	lastTiers    []model.Tier
}

func newKnown() *known {
	return &known{
		checks: newLists[model.Check](), tiers: newLists[model.Target](),
		options: make(map[plainOptions]*model.TargetOptions),
	}
}

// lists are known by their hash. Two that have the same one and differ are rare, and
// the second is not shared.
type lists[T comparable] struct {
	seed  maphash.Seed
	bySum map[uint64][]T
}

func newLists[T comparable]() lists[T] { return lists[T]{maphash.MakeSeed(), make(map[uint64][]T)} }

// like returns the list that equals one, which is that if it is the first.
func (l *lists[T]) like(list []T) []T {
	type link struct {
		before uint64
		value  T
	}
	var sum uint64
	for i := range list {
		sum = maphash.Comparable(l.seed, link{sum, list[i]})
	}
	first, found := l.bySum[sum]
	switch {
	case !found:
		l.bySum[sum] = list
		return list
	case slices.Equal(first, list):
		return first
	default:
		return list
	}
}

// settings returns those that equal some.
func (k *known) settings(some *model.Settings) *model.Settings {
	if k.lastSettings == nil || !reflect.DeepEqual(k.lastSettings, some) {
		k.lastSettings = new(*some) // and not the directive around it
	}
	return k.lastSettings
}

// allTiers returns those that equal the tiers of a record, each of which is shared.
func (k *known) allTiers(some []model.Tier) []model.Tier {
	if !slices.EqualFunc(k.lastTiers, some, func(a, b model.Tier) bool { return &a[0] == &b[0] }) {
		k.lastTiers = some
	}
	return k.lastTiers
}

// plainOptions are those of a target that no policy needs to know the place of.
type plainOptions struct {
	checks          *model.Check // the first of a list
	require, weight int
	cname           bool
	evaluate        bool
	drain           bool
}

// targetOptions returns options that equal some.
func (k *known) targetOptions(some model.TargetOptions) *model.TargetOptions {
	if some.Clients != nil || some.Location != nil {
		return new(some)
	}
	plain := plainOptions{nil, some.Require, some.Weight, some.CNAME, some.EvaluateTargetHealth, some.Drain}
	if len(some.Checks) > 0 {
		plain.checks = &some.Checks[0]
	}
	if k.options[plain] == nil {
		k.options[plain] = new(some)
	}
	return k.options[plain]
}
