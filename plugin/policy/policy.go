// Package policy decides what a record answers: which tier is active, and which
// of its targets are answered. It is pure: health goes in, a decision comes
// out; it knows neither DNS messages nor how health is learned.
package policy

import (
	"net/netip"

	"github.com/coredns-failover/failover/plugin/model"
)

// Family is an address family: questions of type A ask for one, AAAA for the
// other, and each is decided on its own.
type Family uint8

// The address families.
const (
	IPv4 Family = iota
	IPv6
)

// Families are all address families.
var Families = [...]Family{IPv4, IPv6}

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// String returns the family's name.
func (f Family) String() string { return [...]string{IPv4: "IPv4", IPv6: "IPv6"}[f] }

func (f Family) other() Family { return 1 - f }

// Address is one address that a target stands for now.
type Address struct {
	netip.Addr
	// Eligible is whether it is healthy, or unknown, which counts as healthy.
	Eligible bool
}

// Target is what a target stands for now.
type Target struct {
	*model.Target
	Addresses []Address
}

// Tier is the targets of one rank.
type Tier []Target

// of returns the addresses of family f, only eligible ones where asked.
func (t Target) of(f Family, onlyEligible bool) []netip.Addr {
	var addrs []netip.Addr
	for _, a := range t.Addresses {
		if FamilyOf(a.Addr) == f && (a.Eligible || !onlyEligible) {
			addrs = append(addrs, a.Addr)
		}
	}
	return addrs
}

// Chosen is a target that is answered, with the addresses that stand for it.
type Chosen struct {
	*model.Target
	Addrs []netip.Addr
}

// candidates are the targets that have an address of family f, with all of
// them.
func (t Tier) candidates(f Family) []Chosen {
	var cs []Chosen
	for _, target := range t {
		if addrs := target.of(f, false); len(addrs) > 0 {
			cs = append(cs, Chosen{target.Target, addrs})
		}
	}
	return cs
}

// eligible are the targets that have an eligible address of family f and are
// not drained, with those addresses.
func (t Tier) eligible(f Family) []Chosen {
	var cs []Chosen
	for _, target := range t {
		if addrs := target.of(f, true); len(addrs) > 0 && !target.Drain {
			cs = append(cs, Chosen{target.Target, addrs})
		}
	}
	return cs
}

// enough reports whether tier t can answer family f: whether as many of its
// targets are eligible as min_healthy asks for.
func (t Tier) enough(f Family, m model.MinHealthy) bool {
	n := len(t.candidates(f))
	return n > 0 && len(t.eligible(f)) >= m.Of(n)
}
