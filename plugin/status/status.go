// Package status is what people and programs see of a running server: values
// that package admin serves as JSON, notifications carry, and failoverctl reads.
// It has no behaviour of its own.
//
// Times are in RFC 3339, UTC. Durations are seconds, as Prometheus has them, but
// for those that people write ("15m").
package status

import (
	"net/netip"
	"time"
)

// Overview is how the whole process fares.
type Overview struct {
	// Server names the process: its host name.
	Server string `json:"server"`
	// Version is that of CoreDNS.
	Version string `json:"version"`
	// Configuration is a hash of all that the Corefile says about failover:
	// replicas that have the same one are configured alike.
	Configuration string    `json:"configuration"`
	Started       time.Time `json:"started"`
	Now           time.Time `json:"now"`
	// Records counts the records by state.
	Records map[string]int `json:"records"`
	// Checks counts the checks in all, those without a verdict yet, and those
	// that can not run on this machine.
	Checks  int `json:"checks"`
	Unknown int `json:"unknown"`
	Broken  int `json:"broken"`
	// Guard is the state of the guard of this server's uplink: "none",
	// "unknown", "passing", "failing" or "broken".
	Guard string `json:"guard"`
	// Forced lists all forced states.
	Forced []Forced `json:"forced"`
}

// Query asks for a page of summaries.
type Query struct {
	// Search is a part of a name, a target, or an address; empty finds all.
	Search string
	// State is one that a record is in, or "forced"; empty finds all.
	State string
	// After is the Next of the page before; empty for the first page.
	After string
	// Limit is how many records a page holds: 1..1000.
	Limit int
}

// Page is a part of all summaries, in the order of their names.
type Page struct {
	Records []Summary `json:"records"`
	// Total is how many records the query finds on all pages.
	Total int `json:"total"`
	// Next asks for the page behind this one; empty on the last.
	Next string `json:"next,omitempty"`
}

// Summary is a record in a few words.
type Summary struct {
	// ID names the record in this process: NAME@LISTENER@ZONE, with @VIEW where
	// its server block has one. Where NAME alone says which record is meant, it
	// will do for requests.
	ID   string `json:"id"`
	Name string `json:"name"` // as people write it, without the final dot
	// State is "normal", "failed_over", "fail_open", "fail_closed" or "fail_next":
	// the worst of its families.
	State    string   `json:"state"`
	Families []Family `json:"families"`
	// Targets and Healthy count its targets, and those that are healthy or
	// unknown by their measured health.
	Targets int `json:"targets"`
	Healthy int `json:"healthy"`
	// Forced is how many forced states it has.
	Forced int `json:"forced"`
	// Observed is set where the answer is what it would be with everything
	// healthy.
	Observed bool `json:"observed,omitempty"`
}

// Family is what a record answers in one address family; or would answer, where it
// is observed.
type Family struct {
	Family string `json:"family"` // "IPv4", "IPv6", or "any" where it chooses for all types at once
	// Kind is "answer", "no_data", "closed" or "next".
	Kind  string `json:"kind"`
	State string `json:"state"`
	// Tier is the active tier: 1 is the primary, 0 is none.
	Tier int `json:"tier"`
	// Since is when State and Tier began; zero where that is not known.
	Since time.Time `json:"since,omitzero"`
	// Answers are the addresses, or the name of a CNAME, that may be answered now;
	// policy and limit choose among them for each query.
	Answers []string `json:"answers"`
	// Waiting is set while a better tier is eligible again and not answered, as
	// failback has it.
	Waiting bool `json:"waiting,omitempty"`
}

// Record is all that is known of a record.
type Record struct {
	Summary
	Server   string   `json:"server"` // what its server block listens on
	Zone     string   `json:"zone"`
	View     string   `json:"view,omitempty"`
	Types    []string `json:"types"`
	TTL      float64  `json:"ttl_seconds"` // the longest
	Policy   string   `json:"policy"`
	Fail     string   `json:"fail"`     // as the Corefile has it: "open", "closed SERVFAIL", "next"
	Failback string   `json:"failback"` // "auto", "after 5m0s", "manual"
	Tiers    []Tier   `json:"tiers"`
	// Force is the forced state of the record as a whole, or nil.
	Force *Forced `json:"force,omitempty"`
	// History holds the last transitions, newest first: at most 100.
	History []Transition `json:"history"`
}

// Tier is the targets of one rank.
type Tier struct {
	Tier int `json:"tier"` // 1 is the primary
	// Active lists the families that it answers in now.
	Active  []string `json:"active,omitempty"`
	Targets []Target `json:"targets"`
}

// Target is one target as the Corefile has it.
type Target struct {
	Target string `json:"target"` // the word as written
	// Verdict is what its addresses add up to by their measured health:
	// "unknown", "healthy" or "unhealthy".
	Verdict string `json:"verdict"`
	// Eligible is whether it may be answered: by its verdict or forced state, and
	// not drained.
	Eligible bool `json:"eligible"`
	// Drained is set where the Corefile drains it.
	Drained bool `json:"drained,omitempty"`
	// Force is the forced state that holds for it, its own or that of its record,
	// or nil.
	Force  *Forced `json:"force,omitempty"`
	Weight int     `json:"weight"`
	// Addresses are what it stands for now: at most 100 are shown.
	Addresses []Address `json:"addresses"`
	// More is how many addresses are not shown.
	More int `json:"more,omitempty"`
	// Unresolved says why the name that it stands for gets no answer.
	Unresolved string `json:"unresolved,omitempty"`
}

// Address is one address that a target stands for.
type Address struct {
	Address string `json:"address"`
	// Host is the name that a wildcard was asked for, where checks go by it.
	Host    string  `json:"host,omitempty"`
	Verdict string  `json:"verdict"` // measured
	Checks  []Check `json:"checks"`
}

// Check is one check of one address.
type Check struct {
	Check   string `json:"check"` // in a few words: "http :80/healthz"
	Verdict string `json:"verdict"`
	// Probed is whether it is probed at all: checks that are disabled, or that may
	// not be aimed at the address, are not.
	Probed bool `json:"probed"`
	// Since is when the verdict began.
	Since time.Time `json:"since,omitzero"`
	// LastProbe is when the last probe started; zero before the first.
	LastProbe time.Time `json:"last_probe,omitzero"`
	// Took is how long that took.
	Took float64 `json:"took_seconds"`
	// LastError is what it found; empty where it succeeded.
	LastError string `json:"last_error,omitempty"`
	// Broken is set where it can not run on this machine.
	Broken bool `json:"broken,omitempty"`
	// Watched is whether a connection to it is open now, whose end would be noticed
	// at once; nil without watch.
	Watched *bool `json:"watched,omitempty"`
	// Recent is how long the last probes took, in seconds, oldest first: at most
	// 32. Those that failed are negative.
	Recent []float64 `json:"recent_seconds,omitempty"`
}

// The forced states.
const (
	ForcedDrained   = "drained"
	ForcedHealthy   = "healthy"
	ForcedUnhealthy = "unhealthy"
)

// Forced is a state that an operator has set. It lies beside the measured one.
type Forced struct {
	// Record is the ID of the record.
	Record string `json:"record"`
	// Target is the word of the target; empty means all targets of the record that
	// have no forced state of their own.
	Target string    `json:"target,omitempty"`
	State  string    `json:"state"` // one of the forced states
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	// Until is when it ends by itself; zero is never.
	Until time.Time `json:"until,omitzero"`
}

// The kinds of transitions.
const (
	RecordChanged = "record" // the answer of a record: its active tier or state
	TargetChanged = "target" // the verdict of a target
	Steered       = "forced" // an operator's action, or its end
)

// Transition is one change.
type Transition struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Record string    `json:"record"` // its ID
	Name   string    `json:"name"`   // its name
	// Family is set for the kind "record".
	Family string `json:"family,omitempty"`
	// Tier and Target are set for the kind "target", and for "forced" where that
	// is about one target.
	Tier   int    `json:"tier,omitempty"`
	Target string `json:"target,omitempty"`
	// From and To are states with what answers ("normal, tier 1 answers"), verdicts, or
	// forced states (empty is none).
	From string `json:"from"`
	To   string `json:"to"`
	// Reason is what a probe found, or what an operator gave.
	Reason string `json:"reason,omitempty"`
	// By is who did it, for the kind "forced".
	By string `json:"by,omitempty"`
}

// The verbs of actions.
const (
	Drain    = "drain"    // never eligible, still probed
	Force    = "force"    // healthy or unhealthy, whatever probes find
	Clear    = "clear"    // the measured health counts again
	Failback = "failback" // a better tier that is eligible answers at once
)

// Action is what an operator asks for.
type Action struct {
	// Target is the word of a target; empty means the record.
	Target string `json:"target,omitempty"`
	// State is "healthy" or "unhealthy", for the verb "force" only.
	State string `json:"state,omitempty"`
	// Reason is required: 1..500 bytes of one line.
	Reason string `json:"reason"`
	// ExpiresIn ends the forced state by itself, as Go writes durations ("15m");
	// empty is never.
	ExpiresIn string `json:"expires_in,omitempty"`
	// Override does what would leave a record without an eligible target.
	Override bool `json:"force,omitempty"`
}

// Question asks what would be answered.
type Question struct {
	// Client is who asks; the zero value is not known.
	Client netip.Addr
	// Type is a query type, such as "A"; empty is the first of the record's.
	Type string
	// Down lists targets (or addresses of targets) that are taken for unhealthy.
	Down []string
}

// Explanation is what would be answered, and why.
type Explanation struct {
	Record string   `json:"record"`
	Client string   `json:"client,omitempty"`
	Type   string   `json:"type"`
	Down   []string `json:"down"`
	// Kind, State, Tier and Answers are as in Family, for this client; policies
	// that choose by chance may choose otherwise the next time.
	Kind    string   `json:"kind"`
	State   string   `json:"state"`
	Tier    int      `json:"tier"`
	Answers []string `json:"answers"`
	TTL     float64  `json:"ttl_seconds"`
	// Steps are the reasoning, in order.
	Steps []Step `json:"steps"`
}

// Step is one step of the reasoning.
type Step struct {
	Tier int    `json:"tier,omitempty"` // 0 is about the record as a whole
	Text string `json:"text"`
}
