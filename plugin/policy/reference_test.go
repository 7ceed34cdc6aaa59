package policy_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// This is the decision table of the design once more, written to be obviously
// right: nothing is prepared, nothing is fast, and no code is shared with the
// package. It says which answers are possible.

// answerer is a record as it is asked: with the addresses that stay out of its
// answer, though not out of its decision (those that the checks of a target which
// stands for it find unhealthy).
type answerer struct {
	*Record
	out map[netip.Addr]bool
	f   Family
}

// line is a line of the table that holds for a client.
type line struct {
	kind     Kind
	state    State
	tier     int
	targets  []Target
	eligible bool // their eligible addresses are answered, not all
	enough   bool
	in       answerer
}

// client is nil where the question is what a record does in general.
type client struct {
	prefix                  netip.Prefix
	subs, country, cont     string
	latitude, longitude     float64
	located                 bool
	prefixAsked, otherAsked int
}

func (c *client) Prefix() netip.Prefix { c.prefixAsked++; return c.prefix }

func (c *client) Regions() (subdivisions, country, continent string) {
	c.otherAsked++
	return c.subs, c.country, c.cont
}

func (c *client) Coordinates() (latitude, longitude float64, ok bool) {
	c.otherAsked++
	return c.latitude, c.longitude, c.located
}

func keep(targets []Target, ok func(Target) bool) []Target {
	var kept []Target
	for _, t := range targets {
		if ok(t) {
			kept = append(kept, t)
		}
	}
	return kept
}

func ofFamily(f Family, a netip.Addr) bool {
	return f == Any || a.Is4() && f == IPv4 || !a.Is4() && f == IPv6
}

// within is the record that target t stands for, as it is asked.
func within(t Target, f Family, eligible bool, out map[netip.Addr]bool) answerer {
	bad := map[netip.Addr]bool{}
	for _, a := range t.Addresses {
		if !a.Eligible {
			bad[a.Addr] = true
		}
	}
	in := answerer{t.Record, map[netip.Addr]bool{}, f}
	for a := range out {
		in.out[a] = true
	}
	switch {
	case eligible && t.EvaluateTargetHealth:
		in.Record = sicken(t.Record, bad)
	case eligible:
		for a := range bad {
			in.out[a] = true
		}
	}
	return in
}

// sicken returns the record with the bad addresses unhealthy.
func sicken(r *Record, bad map[netip.Addr]bool) *Record {
	sick := &Record{Rules: r.Rules, Start: r.Start}
	for _, tier := range r.Tiers {
		var targets Tier
		for _, t := range tier {
			var addresses []Address
			for _, a := range t.Addresses {
				a.Eligible = a.Eligible && !bad[a.Addr]
				addresses = append(addresses, a)
			}
			t.Addresses = addresses
			targets = append(targets, t)
		}
		sick.Tiers = append(sick.Tiers, targets)
	}
	return sick
}

func isEligible(t Target, f Family) bool {
	if t.Drain || t.Drained {
		return false
	}
	if t.Record == nil {
		return slices.ContainsFunc(t.Addresses, func(a Address) bool { return ofFamily(f, a.Addr) && a.Eligible })
	}
	l := within(t, f, true, nil).line(nil)
	return l.kind == Answer && len(l.targets) > 0 &&
		(!t.EvaluateTargetHealth || l.state == Normal || l.state == FailedOver)
}

func isCandidate(t Target, f Family) bool {
	if t.Record == nil {
		return slices.ContainsFunc(t.Addresses, func(a Address) bool { return ofFamily(f, a.Addr) })
	}
	undrained, options := *t.Target, *t.TargetOptions
	undrained.TargetOptions, options.Drain = &options, false
	t.Target, t.Drained = &undrained, false
	return within(t, f, false, nil).line(nil).kind == Answer || t.EvaluateTargetHealth && isEligible(t, f)
}

// has reports whether the record's answer has anything of the target for the
// client, given that the target is eligible, or else a candidate.
func (in answerer) has(t Target, eligible bool, c *client) bool {
	if t.Record == nil {
		return slices.ContainsFunc(t.Addresses, func(a Address) bool {
			return ofFamily(in.f, a.Addr) && (a.Eligible || !eligible) && !in.out[a.Addr]
		})
	}
	l := in.under(t, eligible).line(c)
	if c != nil && !in.has(t, eligible, nil) {
		return false // to nobody
	}
	onlyEligible := eligible || within(t, in.f, false, nil).line(nil).kind != Answer
	return l.kind == Answer && len(l.targets) > 0 &&
		(!onlyEligible || !t.EvaluateTargetHealth || l.state == Normal || l.state == FailedOver)
}

func (in answerer) enough(tier Tier, f Family) bool {
	candidates := keep(tier, func(t Target) bool { return isCandidate(t, f) })
	eligible := keep(tier, func(t Target) bool { return isEligible(t, f) })
	return len(candidates) > 0 && len(eligible) >= in.MinHealthy.Of(len(candidates))
}

// mine are the targets of a tier that the client matches.
func (in answerer) mine(tier Tier, c *client) []Target {
	if c == nil || in.Policy != model.Clients {
		return tier
	}
	return keep(tier, func(t Target) bool { return exactness(t, c) >= 0 })
}

// answered are those of a tier's eligible targets (or else candidates) that the
// client gets, before the policy chooses.
func (in answerer) answered(tier Tier, eligible bool, c *client) []Target {
	return keep(in.mine(tier, c), func(t Target) bool {
		if eligible && !isEligible(t, in.f) || !eligible && !isCandidate(t, in.f) {
			return false
		}
		return in.has(t, eligible, c)
	})
}

func rank(i int) State {
	if i == 0 {
		return Normal
	}
	return FailedOver
}

// absent reports whether the tier is eligible for the client in the other family
// only.
func (in answerer) absent(tier Tier, c *client) bool {
	if in.f == Any {
		return false
	}
	other := map[Family]Family{IPv4: IPv6, IPv6: IPv4}[in.f]
	mine := in.mine(tier, c)
	return in.enough(tier, other) &&
		!slices.ContainsFunc(mine, func(t Target) bool { return isCandidate(t, in.f) }) &&
		slices.ContainsFunc(mine, func(t Target) bool { return isEligible(t, other) })
}

// at is the line of the i-th tier, if the search stops there.
func (in answerer) at(i int, c *client) (line, bool) {
	tier := in.Tiers[i]
	if in.enough(tier, in.f) {
		targets := in.answered(tier, true, c)
		if len(targets) > 0 || c == nil {
			return line{Answer, rank(i), i + 1, targets, true, true, in}, true
		}
	}
	if in.absent(tier, c) {
		return line{kind: NoData, state: rank(i), tier: i + 1}, true
	}
	return line{}, false
}

// line is the one that holds for the client.
func (in answerer) line(c *client) line {
	if !slices.ContainsFunc(in.Tiers, func(tier Tier) bool {
		return slices.ContainsFunc(tier, func(t Target) bool { return isCandidate(t, in.f) })
	}) {
		return line{kind: NoData}
	}
	// An eligible target is a candidate, also where by itself it has nothing for
	// the client.
	whole := answerer{in.Record, nil, in.f}
	candidates := c == nil || slices.ContainsFunc(in.Tiers, func(tier Tier) bool {
		return len(whole.answered(tier, false, c)) > 0 || len(whole.answered(tier, true, c)) > 0
	})
	if !candidates && in.Policy == model.Clients {
		return line{kind: NoData}
	}
	for _, start := range []int{max(1, in.Start), 1} {
		for i := start - 1; i < len(in.Tiers); i++ {
			if l, stop := in.at(i, c); stop {
				return l
			}
		}
	}
	for i, tier := range in.Tiers { // min_healthy let go
		if targets := in.answered(tier, true, c); len(targets) > 0 {
			return line{Answer, rank(i), i + 1, targets, true, false, in}
		}
		if c == nil && slices.ContainsFunc(tier, func(t Target) bool { return isEligible(t, in.f) }) {
			return line{Answer, rank(i), i + 1, nil, true, false, in}
		}
	}
	if !candidates {
		return line{kind: NoData}
	}
	switch {
	case in.Fail.Mode == model.FailNext:
		return line{kind: Next, state: FailNext}
	case in.Fail.Mode == model.FailClosed && in.Fail.Rcode == 0:
		return line{kind: NoData, state: FailClosed}
	case in.Fail.Mode == model.FailClosed:
		return line{kind: Closed, state: FailClosed}
	}
	for i, tier := range in.Tiers {
		for _, drained := range []bool{false, true} {
			isOne := func(t Target) bool { return (t.Drain || t.Drained) == drained }
			targets := keep(in.answered(tier, false, c), isOne)
			candidates := keep(tier, func(t Target) bool { return isOne(t) && isCandidate(t, in.f) })
			if len(targets) > 0 || c == nil && len(candidates) > 0 {
				return line{Answer, FailOpen, i + 1, targets, false, false, in}
			}
		}
	}
	return line{kind: NoData}
}

// exactness of the target's best value for the client: -1 is no match.
func exactness(t Target, c *client) int {
	best := -1
	for _, v := range t.Clients {
		best = max(best, exactnessOf(v, c))
	}
	return best
}

func exactnessOf(value string, c *client) int {
	if value == "*" {
		return 0
	}
	if p, err := netip.ParsePrefix(value); err == nil {
		if c.prefix.Bits() >= p.Bits() && p.Contains(c.prefix.Addr()) {
			return 100 + p.Bits()
		}
		return -1
	}
	level, code, _ := strings.Cut(value, ":")
	switch {
	case level == "continent" && code == c.cont:
		return 1
	case level == "country" && code == c.country:
		return 2
	case level == "subdivision":
		return slices.Index(append([]string{"", "", ""}, strings.Split(c.subs, ",")...), code)
	}
	return -1
}

// kilometres by the haversine formula.
func kilometres(lat1, lon1, lat2, lon2 float64) float64 {
	const r = math.Pi / 180
	sin2 := func(x float64) float64 { return math.Sin(x/2) * math.Sin(x/2) }
	a := sin2((lat2-lat1)*r) + math.Cos(lat1*r)*math.Cos(lat2*r)*sin2((lon2-lon1)*r)
	return 2 * 6371 * math.Asin(math.Sqrt(a))
}

func biased(t Target, c *client) float64 {
	if t.Location == nil {
		return math.Inf(1)
	}
	d := kilometres(t.Location.Latitude, t.Location.Longitude, c.latitude, c.longitude)
	switch b := float64(t.Location.Bias); {
	case b < 0:
		return d / (1 + b/100)
	default:
		return d * (1 - b/100)
	}
}

// connect is the shortest time of a target that is answered.
func (in answerer) connect(t Target, eligible bool) float64 {
	best := math.Inf(1)
	for _, a := range t.Addresses {
		if ofFamily(in.f, a.Addr) && (a.Eligible || !eligible && t.Record == nil) && !in.out[a.Addr] &&
			a.Meter != nil && a.Meter.Connect() > 0 {
			best = min(best, float64(a.Meter.Connect()))
		}
	}
	if t.Record == nil {
		return best
	}
	l := in.under(t, eligible).line(nil)
	for _, t := range l.targets {
		best = min(best, l.in.connect(t, l.eligible))
	}
	return best
}

// under is the record that an answered target stands for.
func (in answerer) under(t Target, eligible bool) answerer {
	if !eligible && within(t, in.f, false, nil).line(nil).kind != Answer {
		eligible = true // it has but the answer that makes it eligible
	}
	return within(t, in.f, eligible, in.out)
}

// least are the targets for which the value is smallest.
func least(targets []Target, value func(Target) float64) []Target {
	smallest := math.Inf(1)
	for _, t := range targets {
		smallest = min(smallest, value(t))
	}
	return keep(targets, func(t Target) bool { return value(t) == smallest })
}

// choices are the sets of targets that the policy may choose.
func (l line) choices(c *client) [][]Target {
	var one [][]Target
	for _, t := range l.targets {
		one = append(one, []Target{t})
	}
	switch l.in.Policy {
	case model.Weighted:
		var heavy [][]Target
		for _, t := range l.targets {
			if t.Weight > 0 {
				heavy = append(heavy, []Target{t})
			}
		}
		if len(heavy) > 0 {
			return heavy
		}
		return one
	case model.Sticky:
		return one
	case model.Fastest:
		return [][]Target{least(l.targets, func(t Target) float64 { return l.in.connect(t, l.eligible) })[:1]}
	case model.Nearest:
		if !c.located {
			return [][]Target{l.targets}
		}
		return [][]Target{least(l.targets, func(t Target) float64 { return biased(t, c) })}
	case model.Clients:
		return [][]Target{least(l.targets, func(t Target) float64 { return -float64(exactness(t, c)) })}
	}
	return [][]Target{l.targets}
}

// answers are the sets of addresses that the target may bring, each with the
// target's word.
func (l line) answers(t Target, c *client) [][]string {
	if t.Record == nil {
		var addrs []string
		for _, a := range t.Addresses {
			if ofFamily(l.in.f, a.Addr) && (a.Eligible || !l.eligible) && !l.in.out[a.Addr] {
				addrs = append(addrs, t.Text+"="+a.String())
			}
		}
		return [][]string{addrs}
	}
	var all [][]string
	for _, o := range l.in.under(t, l.eligible).possible(c) {
		var addrs []string
		for _, pick := range o.picks {
			_, addr, _ := strings.Cut(pick, "=")
			addrs = append(addrs, t.Text+"="+addr)
		}
		all = append(all, addrs)
	}
	return all
}

// outcome is one possible answer.
type outcome struct {
	kind  Kind
	state State
	tier  int
	picks []string
}

func (o outcome) String() string {
	slices.Sort(o.picks)
	return fmt.Sprint(o.kind, o.state, o.tier, o.picks)
}

func (l line) outcomes(c *client) []outcome {
	if l.kind != Answer {
		return []outcome{{kind: l.kind, state: l.state, tier: l.tier}}
	}
	var all []outcome
	for _, chosen := range l.choices(c) {
		sets := [][]string{nil}
		for _, t := range chosen {
			var more [][]string
			for _, set := range sets {
				for _, addrs := range l.answers(t, c) {
					more = append(more, slices.Concat(set, addrs))
				}
			}
			sets = more
		}
		for _, set := range sets {
			all = append(all, outcome{l.kind, l.state, l.tier, set})
		}
	}
	return all
}

// possible are all answers that the client may get.
func (in answerer) possible(c *client) []outcome {
	l := in.line(c)
	all := l.outcomes(c)
	if !l.enough || in.Trickle == 0 {
		return all
	}
	for i := l.tier; i < len(in.Tiers); i++ {
		if next, _ := in.at(i, c); next.enough {
			return append(all, next.outcomes(c)...)
		}
	}
	return all
}

// stops reports for each tier whether the search would stop there.
func (in answerer) stops() []bool {
	var stops []bool
	for i := range in.Tiers {
		_, stop := in.at(i, nil)
		stops = append(stops, stop)
	}
	return stops
}
