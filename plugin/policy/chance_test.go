package policy_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// fits reports whether counts are as the shares say. The critical value is one
// that chi-square exceeds with odds below 1e-9: that of the normal distribution
// at 6.5 standard deviations, by Wilson and Hilferty's approximation.
func fits(t *testing.T, what string, counts []int, shares []float64) {
	t.Helper()
	total, whole := 0, 0.0
	for i, n := range counts {
		total += n
		whole += shares[i]
	}
	chi, freedom := 0.0, -1.0
	for i, n := range counts {
		want := float64(total) * shares[i] / whole
		if want == 0 {
			if n != 0 {
				t.Errorf("%s: %d of what has no share: %v", what, n, counts)
			}
			continue
		}
		chi += (float64(n) - want) * (float64(n) - want) / want
		freedom++
	}
	h := 2 / (9 * freedom)
	if critical := freedom * math.Pow(1-h+6.5*math.Sqrt(h), 3); chi > critical {
		t.Errorf("%s: chi-square is %.1f, above %.1f: %v, want %v", what, chi, critical, counts, shares)
	}
}

func same(n int) []float64 { return slices.Repeat([]float64{1}, n) }

// many returns a tier of n eligible targets, and the places of their addresses.
func many(n int) (Tier, map[netip.Addr]int) {
	var tier Tier
	places := map[netip.Addr]int{}
	for i := range n {
		addr := netip.AddrFrom4([4]byte{192, 0, byte(i / 256), byte(i)})
		places[addr] = i
		tier = append(tier, Target{
			Target:    &model.Target{Text: addr.String(), Addr: addr, TargetOptions: &model.TargetOptions{Weight: 1}},
			Addresses: []Address{{Addr: addr, Eligible: true}},
		})
	}
	return tier, places
}

const rounds = 60000

// Topic "Weighted routing" of Route 53's developer guide: a record's share is its
// weight over the sum of all; "How Amazon Route 53 chooses records when health
// checking is configured": records of weight 0 are considered only if no other is
// healthy; "Values specific for weighted records": if all are 0, all have equal
// odds.
func TestWeighted(t *testing.T) {
	for _, tt := range []struct {
		name    string
		weights []int
		healthy string
		want    []float64
	}{
		{"by weight", []int{1, 2, 5}, "+++", []float64{1, 2, 5}},
		{"zero is out", []int{0, 3, 255}, "+++", []float64{0, 3, 255}},
		{"unhealthy is out", []int{10, 20, 30}, "+-+", []float64{10, 0, 30}},
		{"zero, since those with a weight are unhealthy", []int{0, 5, 0}, "+-+", []float64{1, 0, 1}},
		{"all zero", []int{0, 0, 0}, "+++", []float64{1, 1, 1}},
		{"all unhealthy is all healthy", []int{1, 3, 0}, "---", []float64{1, 3, 0}},
	} {
		tier, places := many(3)
		for i, w := range tt.weights {
			tier[i].Weight = w
			tier[i].Addresses[0].Eligible = tt.healthy[i] == '+'
		}
		d := recordOf(model.Settings{Policy: model.Weighted}, tier).Decide(IPv4)
		counts := make([]int, 3)
		for range rounds {
			c := d.Choose(nil, nil)
			if len(c.Picks) != 1 || c.Scope != 0 {
				t.Fatalf("%s: %+v", tt.name, c)
			}
			counts[places[c.Picks[0].Addr]]++
		}
		fits(t, tt.name, counts, tt.want)
	}
}

// Topic "Multivalue answer routing": up to eight healthy records, selected at
// random. Each ordered pair out of four must come up as often as any other.
func TestLimit(t *testing.T) {
	tier, places := many(4)
	tier[2].Record = recordOf(model.Settings{}, Tier{{Target: tier[2].Target, Addresses: tier[2].Addresses}})
	d := recordOf(model.Settings{Limit: 2}, tier).Decide(IPv4)
	pairs := map[[2]int]int{}
	for range rounds {
		c := d.Choose(nil, nil)
		pairs[[2]int{places[c.Picks[0].Addr], places[c.Picks[1].Addr]}]++
	}
	var counts []int
	for _, n := range pairs {
		counts = append(counts, n)
	}
	if len(counts) != 12 {
		t.Errorf("%d pairs, want 12", len(counts))
	}
	fits(t, "pairs", counts, same(len(counts)))
}

func TestLimitOfEight(t *testing.T) {
	tier, places := many(20)
	tier[3].Addresses[0].Eligible = false
	d := recordOf(model.Settings{Limit: 8}, tier).Decide(IPv4)
	counts := make([]int, 20)
	for range rounds / 8 {
		seen := map[netip.Addr]bool{}
		for _, p := range d.Choose(nil, make([]Pick, 0, 8)).Picks {
			seen[p.Addr] = true
			counts[places[p.Addr]]++
		}
		if len(seen) != 8 {
			t.Fatalf("%d addresses, want 8", len(seen))
		}
	}
	want := same(20)
	want[3] = 0
	fits(t, "limit 8", counts, want)
}

// A limit within a limit: the child brings one of its two, the outer record takes
// two of the two addresses that there are then.
func TestLimitOfNestedRecords(t *testing.T) {
	tier, _ := many(3)
	child := recordOf(model.Settings{Limit: 1}, tier[:2])
	outer := Target{Target: &model.Target{Text: "child", TargetOptions: new(model.TargetOptions)}, Record: child}
	for limit, want := range map[int]int{0: 2, 1: 1, 2: 2, 3: 2} {
		d := recordOf(model.Settings{Limit: limit}, Tier{outer, tier[2]}).Decide(IPv4)
		for range 50 {
			c := d.Choose(nil, nil)
			if len(c.Picks) != want || want == 2 && (c.Picks[0].Target.Text != "child" || c.Picks[1].Addr != tier[2].Addr) {
				t.Fatalf("limit %d: %v", limit, c.Picks)
			}
		}
	}
}

func TestPicksAreAppended(t *testing.T) {
	tier, _ := many(5)
	before := Pick{Target: &model.Target{Text: "before", TargetOptions: new(model.TargetOptions)}}
	for _, limit := range []int{0, 2} {
		d := recordOf(model.Settings{Limit: limit}, tier).Decide(IPv4)
		for room := range 8 {
			picks := append(make([]Pick, 0, 1+room), before)
			got := d.Choose(nil, picks).Picks
			if got[0] != before || limit == 2 && len(got) != 3 || limit == 0 && len(got) != 6 {
				t.Errorf("limit %d, room %d: %v", limit, room, got)
			}
		}
	}
}

func TestTrickle(t *testing.T) {
	for _, tt := range []struct {
		tiers   string
		start   int
		percent int
		want    []float64 // by tier
	}{
		{"4+ | 4- | 6+ | 4+ | 4+", 0, 10, []float64{90, 0, 0, 10, 0}},
		{"4+ | 4+", 0, 1, []float64{99, 1}},
		{"4+ | 4+", 0, 100, []float64{0, 1}},
		{"4+ | 4-", 0, 50, []float64{1, 0}}, // there is none
		{"4- | 4+ | 4+", 0, 30, []float64{0, 70, 30}},
		{"4+ | 4+", 2, 50, []float64{0, 1}}, // the first is held back
		{"4- | 4-", 0, 50, []float64{1, 0}}, // fail open
		{"6+ | 4+", 0, 50, []float64{1, 0}}, // NODATA
	} {
		r := recordOf(model.Settings{Trickle: tt.percent}, tiersOf(tt.tiers)...)
		r.Start = tt.start
		d := r.Decide(IPv4)
		counts := make([]int, len(tt.want))
		for range rounds {
			c := d.Choose(nil, nil)
			if c.Kind == Answer && c.Picks[0].Target.Text != fmt.Sprint(c.Tier, "a") || (c.State == FailedOver) != (c.Tier > 1) {
				t.Fatalf("%s: %+v", tt.tiers, c)
			}
			counts[c.Tier-1]++
		}
		fits(t, tt.tiers, counts, tt.want)
	}
}

// client4 is the n-th /24 of IPv4.
func client4(n int) *client {
	addr := netip.AddrFrom4([4]byte{byte(n >> 16), byte(n >> 8), byte(n), 7})
	return &client{prefix: netip.PrefixFrom(addr, 32)}
}

func TestStickySpreads(t *testing.T) {
	tier, places := many(7)
	d := recordOf(model.Settings{Policy: model.Sticky}, tier).Decide(IPv4)
	counts := make([]int, 7)
	for n := range rounds {
		counts[places[d.Choose(client4(n), nil).Picks[0].Addr]]++
	}
	fits(t, "sticky", counts, same(7))
}

// Clients of the target that fails move, to all others alike, and nobody else.
func TestStickyMovesNobodyElse(t *testing.T) {
	tier, places := many(7)
	const failing = 4
	m := model.Settings{Policy: model.Sticky}
	before := recordOf(m, tier).Decide(IPv4)
	left, _ := many(7)
	left[failing].Addresses[0].Eligible = false
	after := recordOf(m, left).Decide(IPv4) // another server's rules
	moved := make([]int, 7)
	for n := range rounds {
		c := client4(n)
		from := places[before.Choose(c, nil).Picks[0].Addr]
		to := places[after.Choose(c, nil).Picks[0].Addr]
		switch {
		case from == failing:
			moved[to]++
		case from != to:
			t.Fatalf("client %v moved from %d to %d", c.prefix, from, to)
		}
	}
	want := same(7)
	want[failing] = 0
	fits(t, "moved", moved, want)
}
