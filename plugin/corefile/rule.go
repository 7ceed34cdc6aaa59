package corefile

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

// recordRules are what a record must obey as a whole, in an order in which each
// may rely on those before it.
var recordRules = []func(*record) error{
	(*record).hasPrimary,
	(*record).hasNoGap,
	(*record).hasTargetsOnce,
	(*record).hasCheck,
	(*record).meetsRequire,
	(*record).canFailOver,
	(*record).meetsMinHealthy,
	(*record).hasCNAMEAlone,
	(*record).hasNoCNAMEAtApex,
	(*record).boundsProbes,
	(*record).answersTypes,
	(*record).choosesEachTarget,
	(*record).measuresDistances,
	(*record).hasStandby,
}

func (r *record) validate() error {
	for _, rule := range recordRules {
		if err := rule(r); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) hasPrimary() error {
	if len(r.tiers[1]) == 0 {
		return at(r.head.words[0], `it has no primary; add "primary TARGET..." to its block`)
	}
	return nil
}

func (r *record) hasNoGap() error {
	before := 0
	for _, n := range slices.Sorted(maps.Keys(r.tiers)) {
		if n != before+1 {
			return at(r.tiers[n][0].line.words[0], "tier %d stands here without a tier %d before it", n, n-1)
		}
		before = n
	}
	return nil
}

func (r *record) hasTargetsOnce() error {
	seen := map[string]*target{}
	for _, t := range r.targets() {
		if first, found := seen[t.key()]; found {
			return at(t.line.words[0], "target %s stands in the record already, at %s",
				quoted(t.answer.Text), place(first.line.words[0]))
		}
		seen[t.key()] = t
	}
	return nil
}

// hasCheck finds the record that says nothing about health, which is a mistake
// of its own.
func (r *record) hasCheck() error {
	if r.health.says() {
		return nil
	}
	for _, t := range r.targets() {
		if t.health.says() || t.options.EvaluateTargetHealth {
			return nil
		}
	}
	return at(r.head.words[0], `it has no check; add "check TYPE", or "check none" if it shall never fail over`)
}

// meetsRequire also settles how many checks each target needs.
func (r *record) meetsRequire() (err error) {
	for _, t := range r.targets() {
		if t.options.Require, err = r.required(t); err != nil {
			return err
		}
	}
	return nil
}

// canFailOver asks for a target that can become unhealthy, or for "check none"
// in so many words.
func (r *record) canFailOver() error {
	none := true
	for _, t := range r.targets() {
		if r.canFail(t) {
			return nil
		}
		none = none && r.healthOf(t).none
	}
	if none {
		return nil
	}
	return at(r.head.words[0], `none of its targets can ever become unhealthy; `+
		`give one a check that is not disabled, or all of them "check none"`)
}

// meetsMinHealthy: families are decided on their own, so the number must be
// within reach of each that the tier has.
func (r *record) meetsMinHealthy() error {
	for n := 1; n <= len(r.tiers); n++ {
		for _, f := range []struct {
			name string
			is   func(netip.Addr) bool
		}{{"IPv4", netip.Addr.Is4}, {"IPv6", netip.Addr.Is6}} {
			if size := r.size(n, f.is); size > 0 && r.answer.MinHealthy.Of(size) > size {
				return r.given.at("min_healthy", "%d is above the size of tier %d: it has %d for %s, so write %d at most",
					r.answer.MinHealthy.Count, n, size, f.name, size)
			}
		}
	}
	return nil
}

// size returns how many targets of the n-th tier may have addresses of a
// family: those that are no address may have either. It is 0 where addresses of
// the other family alone are written: the rest may well have that one, too.
func (r *record) size(n int, isOfFamily func(netip.Addr) bool) int {
	ofFamily, ofOther, open := 0, 0, 0
	for _, t := range r.tiers[n] {
		switch {
		case t.answer.Kind != model.Address:
			open++
		case isOfFamily(t.answer.Addr):
			ofFamily++
		default:
			ofOther++
		}
	}
	if ofFamily == 0 && ofOther > 0 {
		return 0
	}
	return ofFamily + open
}

// hasCNAMEAlone: a name has one CNAME and nothing else (RFC 1034, 3.6.2).
func (r *record) hasCNAMEAlone() error {
	for _, t := range r.targets() {
		if t.options.CNAME && len(r.tiers[t.tier]) > 1 {
			return t.given.at("cname", "%s is not the only target of tier %d; a CNAME stands alone",
				quoted(t.answer.Text), t.tier)
		}
	}
	return nil
}

// hasNoCNAMEAtApex: the SOA and NS of a zone's apex can not stand beside one.
func (r *record) hasNoCNAMEAtApex() error {
	for _, t := range r.targets() {
		if !t.options.CNAME {
			continue
		}
		for _, name := range r.names {
			if slices.Contains(r.zones, name) {
				return t.given.at("cname", "%s is the apex of a zone, which can have none; leave out cname",
					quoted(name))
			}
		}
	}
	return nil
}

// boundsProbes: whoever controls a name below the wildcard must not be able to
// aim probes.
func (r *record) boundsProbes() error {
	isWildcard := func(name string) bool { return (&model.Record{Name: name}).Wildcard() }
	if !slices.ContainsFunc(r.names, isWildcard) || r.answer.Probe != nil {
		return nil
	}
	for _, t := range r.targets() {
		if t.answer.Kind == model.Next {
			return at(t.line.words[0], `"next" in a wildcard needs "probe CIDR...": the addresses that may be probed`)
		}
	}
	return nil
}
