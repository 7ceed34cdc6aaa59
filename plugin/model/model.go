// Package model is what a Corefile says about failover, with every default
// filled in. Package corefile builds these values once, at start and at each
// reload; nothing changes them afterwards, so they may be shared freely.
package model

import (
	"net/netip"
	"time"
)

// Block is what all failover directives of one server block say.
type Block struct {
	// Zones of the server block, lower case and fully qualified.
	Zones []string
	// Records in the order of the Corefile. No two have the same name.
	Records []Record
	// Process is nil where no directive of the block sets the process up.
	Process *Process
	// Region is the front of an error about the first region, such as
	// "country:DE", that policy clients looks at: place, record and words, as in
	// `Corefile:7: record "www.example.org": clients "country:DE"`. It is empty
	// where no target asks for what the plugins geoip and metadata tell.
	Region string
	// Heartbeat is the same for the first check of type heartbeat that is not
	// disabled, as in `Corefile:7: record "www.example.org": check heartbeat
	// "web-1"`. It is empty where there is none.
	Heartbeat string
}

// Record is one name, or wildcard, that the plugin answers for.
type Record struct {
	// Name is lower case and fully qualified; a wildcard's first label is "*".
	Name string
	// Tiers in order of preference: Tiers[0] is the primary. None is empty. Records with
	// the same targets may share them.
	Tiers []Tier
	*Settings
}

// Settings are what a record says beside its name and its targets. Records that say
// the same may share them, as most of a long Corefile do.
type Settings struct {
	// Types are the query types that the record answers (RFC 1035, 3.2.2).
	Types []uint16
	// TTL of the answers, in whole seconds.
	TTL TTL
	// Policy chooses among the eligible targets of a tier.
	Policy Policy
	// Limit is how many addresses an answer holds at most; 0 means all.
	Limit int
	// MinHealthy is how many eligible targets make a tier eligible.
	MinHealthy MinHealthy
	// Fail is what is answered when no target of any tier is eligible.
	Fail Fail
	// Failback is when a better tier that is eligible again takes over.
	Failback Failback
	// Trickle is the percentage of queries that the next eligible tier gets.
	Trickle int
	// Probe lists the learned addresses that may be probed; nil is the default
	// of the design: all but loopback, link-local, multicast and unspecified.
	Probe []netip.Prefix
	// Observe answers as if everything were healthy, and probes all the same.
	Observe bool
}

// Wildcard reports whether the record's first label is "*" (RFC 4592).
func (r *Record) Wildcard() bool { return len(r.Name) > 1 && r.Name[:2] == "*." }

// Tier is the targets of one rank, in the order of the Corefile.
type Tier []Target

// Kind says what the word of a target is.
type Kind uint8

// The kinds of targets.
const (
	Address Kind = iota // an IPv4 or IPv6 address
	Alias               // a domain name, answered with what it has
	Next                // what the plugins behind this one answer
)

// Target is one word of a tier line, with its options.
type Target struct {
	// Text is the word as written: how logs, metrics and status name it.
	Text string
	Kind Kind
	// Addr is set where Kind is Address.
	Addr netip.Addr
	// Name is set where Kind is Alias: lower case and fully qualified.
	Name string
	*TargetOptions
}

// TargetOptions are the options of a target, be they its own or the record's. Targets
// that have the same may share them.
type TargetOptions struct {
	// Checks decide the target's health; a target without one is always healthy.
	Checks []Check
	// Require is how many of Checks must be healthy: 1..len(Checks), or 0
	// where there is none.
	Require int
	// Weight is 0..255 (policy weighted).
	Weight int
	// Clients are the values that policy clients matches, as written.
	Clients []string
	// Location is nil where none was given (policy nearest).
	Location *Location
	// CNAME answers with a CNAME to Name instead of flattening it.
	CNAME bool
	// EvaluateTargetHealth takes the health of the record or name that the
	// target stands for into account (Route 53's term).
	EvaluateTargetHealth bool
	// Drain makes the target never eligible; it is probed all the same.
	Drain bool
}

// Location of a target, in degrees, with Route 53's bias in -99..99.
type Location struct {
	Latitude, Longitude float64
	Bias                int
}

// Policy names a way to choose among the eligible targets of a tier.
type Policy string

// The policies.
const (
	All      Policy = "all"
	Weighted Policy = "weighted"
	Sticky   Policy = "sticky"
	Clients  Policy = "clients"
	Nearest  Policy = "nearest"
	Fastest  Policy = "fastest"
)

// TTL of a record's answers. Min equals Max where the TTL is fixed.
type TTL struct{ Max, Min time.Duration }

// MinHealthy is a number of targets, or where Percent is not 0 that share of
// the tier's targets, rounded up.
type MinHealthy struct{ Count, Percent int }

// Of returns how many of n targets must be eligible: 1 or more.
func (m MinHealthy) Of(n int) int {
	if m.Percent == 0 {
		return m.Count
	}
	return max(1, (n*m.Percent+99)/100)
}

// FailMode says what is answered when no target is eligible.
type FailMode uint8

// The fail modes.
const (
	FailOpen   FailMode = iota // the first tier's targets, healthy or not
	FailClosed                 // an error, or NODATA
	FailNext                   // what the plugins behind this one answer
)

// Fail is a FailMode with the response code of FailClosed (RFC 6895, 2.3);
// there NOERROR (0) means NODATA.
type Fail struct {
	Mode  FailMode
	Rcode int
}

// FailbackMode says when a better tier that is eligible again takes over.
type FailbackMode uint8

// The failback modes.
const (
	FailbackAuto   FailbackMode = iota // at once
	FailbackAfter                      // when it has been eligible for a while
	FailbackManual                     // when an operator says so
)

// Failback is a FailbackMode with the time of FailbackAfter.
type Failback struct {
	Mode  FailbackMode
	After time.Duration
}
