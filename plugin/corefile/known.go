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
	seed    maphash.Seed
	checks  map[uint64][]model.Check
	options map[plainOptions]*model.TargetOptions
	last    *model.Settings // of the record before
}

func newKnown() *known {
	return &known{
		seed: maphash.MakeSeed(), checks: make(map[uint64][]model.Check),
		options: make(map[plainOptions]*model.TargetOptions),
	}
}

// list returns the list of checks that equals one, which is that if it is the first.
// They are known by their hash. Two that have the same one and differ are rare, and
// the second is not shared.
func (k *known) list(checks []model.Check) []model.Check {
	type link struct {
		before uint64
		check  model.Check
	}
	var sum uint64
	for i := range checks {
		sum = maphash.Comparable(k.seed, link{sum, checks[i]})
	}
	first, found := k.checks[sum]
	switch {
	case !found:
		k.checks[sum] = checks
		return checks
	case slices.Equal(first, checks):
		return first
	default:
		return checks
	}
}

// settings returns those that equal some: records that are alike follow each other.
func (k *known) settings(some *model.Settings) *model.Settings {
	if k.last == nil || !reflect.DeepEqual(k.last, some) {
		k.last = new(*some) // and not the directive around it
	}
	return k.last
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
