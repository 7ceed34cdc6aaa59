// Package policy decides what a record answers: which tier is active, and which
// of its targets are answered to whom. It is pure: health goes in, decisions
// come out; it knows neither DNS messages nor how health is learned.
//
// A [Record] decides when the health of a target changes ([Record.Decide]); the
// [Decision] then chooses for each query ([Decision.Choose]), without a lock and
// without memory of its own.
package policy

import (
	"net/netip"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// Family is an address family: questions of type A ask for one, AAAA for the
// other, and each is decided on its own.
type Family uint8

// The address families.
const (
	IPv4 Family = iota
	IPv6
	// Any is for questions that no address family belongs to: an address of
	// either counts.
	Any
)

// Families are those of addresses.
var Families = [...]Family{IPv4, IPv6}

// families is how many there are, with Any.
const families = 3

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// String returns the family's name.
func (f Family) String() string { return [...]string{IPv4: "IPv4", IPv6: "IPv6", Any: "any"}[f] }

// Has reports whether address a counts for questions of the family.
func (f Family) Has(a netip.Addr) bool { return f == Any || f == FamilyOf(a) }

// other returns the family that a client may be served in while it gets NODATA
// for f; there is none where either counts.
func (f Family) other() (Family, bool) { return 1 - f, f != Any }

// Meter tells how long connecting to an address takes; 0 is not known. It is
// read whenever policy fastest chooses, so it should be no more than a load.
type Meter interface {
	Connect() time.Duration
}

// Address is one address that a target stands for now.
type Address struct {
	netip.Addr
	// Eligible is whether it is healthy, or unknown, which counts as healthy.
	Eligible bool
	// Meter may be nil: not known.
	Meter Meter
}

// Target is what a target stands for now.
type Target struct {
	*model.Target
	// Addresses with the health that the target's own checks find. Where Record
	// is set they are those of that record, which has its own word on them.
	Addresses []Address
	// Record is set where the target stands for another failover record.
	Record *Record
	// Drained makes the target never eligible, because an operator drained it, as
	// Drain does because the Corefile says so.
	Drained bool
	// Healthy is set where an operator says so of a target that stands for another
	// record: its EvaluateTargetHealth does not count.
	Healthy bool
}

// Tier is the targets of one rank.
type Tier []Target

// Record is what a record stands for now.
type Record struct {
	*Rules
	// Tiers are those of the model with their targets, in the same order.
	Tiers []Tier
	// Start is the tier at which the search starts, from 1; 0 is 1. Tiers before
	// it are eligible again, but held back (see failback in the design).
	Start int
}

// Client is who asks. Only policies that need to know ask it anything, some more
// than once; its answers must not change during a query.
type Client interface {
	// Prefix is the client's address with as many bits as are known: those of
	// EDNS Client Subnet (RFC 7871), or all. The zero value is not known.
	Prefix() netip.Prefix
	// Regions are where the client is, "" where that is not known: subdivisions,
	// of which there may be several with the larger one first, with or without
	// their country ("GB-ENG,GB-OXF", or "ENG,OXF" as geoip has it); country
	// ("GB"); continent ("EU").
	Regions() (subdivisions, country, continent string)
	// Coordinates are the client's, in degrees.
	Coordinates() (latitude, longitude float64, ok bool)
}
