package policy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// tiersOf reads tiers such as "4+ 6- | 4d+": the targets of each tier, with
// family, "d" where drained, and "+" where eligible. A target's text is its
// tier and place, "1a".
func tiersOf(s string) []Tier {
	var tiers []Tier
	for i, words := range strings.Split(s, "|") {
		var tier Tier
		for j, word := range strings.Fields(words) {
			addr := netip.AddrFrom4([4]byte{192, 0, byte(i), byte(j)})
			if word[0] == '6' {
				addr = netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 14: byte(i), 15: byte(j)})
			}
			m := &model.Target{
				Text: fmt.Sprintf("%d%c", i+1, 'a'+j), Addr: addr, Drain: strings.Contains(word, "d"),
			}
			eligible := strings.HasSuffix(word, "+")
			tier = append(tier, Target{m, []Address{{addr, eligible}}})
		}
		tiers = append(tiers, tier)
	}
	return tiers
}

// show returns a decision in a form that is quick to read.
func show(d Decision) string {
	kind := [...]string{Answer: "answer", NoData: "nodata", Closed: "closed", Next: "next"}[d.Kind]
	s := fmt.Sprintf("%s %v %d", kind, d.State, d.Tier)
	for _, c := range d.Targets {
		s += " " + c.Text
	}
	return s
}

func TestDecide(t *testing.T) {
	type r = model.Record
	one, two := model.MinHealthy{Count: 1}, model.MinHealthy{Count: 2}
	tests := []struct {
		name  string
		r     r
		tiers string
		v4    string
		v6    string
	}{
		{"primary", r{MinHealthy: one}, "4+ | 4+", "answer normal 1 1a", "nodata normal 0"},
		{"secondary", r{MinHealthy: one}, "4- | 4+", "answer failed_over 2 2a", "nodata normal 0"},
		{"third tier", r{MinHealthy: one}, "4- | 4- | 4+", "answer failed_over 3 3a", "nodata normal 0"},
		{"all eligible of a tier", r{MinHealthy: one}, "4+ 4- 4+ | 4+", "answer normal 1 1a 1c", "nodata normal 0"},
		{
			"families on their own",
			r{MinHealthy: one},
			"4- 6+ | 4+ 6+",
			"answer failed_over 2 2a", "answer normal 1 1b",
		},
		{
			"a tier of one family keeps the other from lower tiers",
			r{MinHealthy: one},
			"4+ | 4+ 6+",
			"answer normal 1 1a", "nodata normal 1",
		},
		{
			"unless it is not eligible there",
			r{MinHealthy: one},
			"4- | 4+ 6+",
			"answer failed_over 2 2a", "answer failed_over 2 2b",
		},
		{"min_healthy", r{MinHealthy: two}, "4+ 4- | 4+ 4+", "answer failed_over 2 2a 2b", "nodata normal 0"},
		{"min_healthy let go", r{MinHealthy: two}, "4- 4- | 4+ 4-", "answer failed_over 2 2a", "nodata normal 0"},
		{
			"min_healthy as a share",
			r{MinHealthy: model.MinHealthy{Percent: 50}},
			"4+ 4- 4- | 4+",
			"answer failed_over 2 2a", "nodata normal 0",
		},
		{"drained", r{MinHealthy: one}, "4d+ 4+ | 4+", "answer normal 1 1b", "nodata normal 0"},
		{"all of a tier drained", r{MinHealthy: one}, "4d+ | 4+", "answer failed_over 2 2a", "nodata normal 0"},
		{"fail open", r{MinHealthy: one}, "4- 4- | 4-", "answer fail_open 1 1a 1b", "nodata normal 0"},
		{"fail open without the drained", r{MinHealthy: one}, "4d- 4- | 4-", "answer fail_open 1 1b", "nodata normal 0"},
		{"fail open with all drained", r{MinHealthy: one}, "4d+ | 4d+", "answer fail_open 1 1a", "nodata normal 0"},
		{
			"fail open in the first tier that has any",
			r{MinHealthy: one},
			"4- | 6- | 4- 6-",
			"answer fail_open 1 1a", "answer fail_open 2 2a",
		},
		{
			"fail closed",
			r{MinHealthy: one, Fail: model.Fail{Mode: model.FailClosed, Rcode: 2}},
			"4- | 4-",
			"closed fail_closed 0", "nodata normal 0",
		},
		{
			"fail closed NODATA",
			r{MinHealthy: one, Fail: model.Fail{Mode: model.FailClosed}},
			"4- | 4-",
			"nodata fail_closed 0", "nodata normal 0",
		},
		{
			"fail next",
			r{MinHealthy: one, Fail: model.Fail{Mode: model.FailNext}},
			"4- | 4-",
			"next fail_next 0", "nodata normal 0",
		},
	}
	for _, tt := range tests {
		tiers := tiersOf(tt.tiers)
		if got := show(Decide(&tt.r, IPv4, tiers)); got != tt.v4 {
			t.Errorf("%s, IPv4: %s\ngot  %s\nwant %s", tt.name, tt.tiers, got, tt.v4)
		}
		if got := show(Decide(&tt.r, IPv6, tiers)); got != tt.v6 {
			t.Errorf("%s, IPv6: %s\ngot  %s\nwant %s", tt.name, tt.tiers, got, tt.v6)
		}
	}
}

func TestDecideAnswersOnlyEligibleAddressesOfATarget(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	alias := Target{&model.Target{Text: "lb.example.net"}, []Address{{a, false}, {b, true}}}
	r := &model.Record{MinHealthy: model.MinHealthy{Count: 1}}
	d := Decide(r, IPv4, []Tier{{alias}})
	if len(d.Targets) != 1 || fmt.Sprint(d.Targets[0].Addrs) != "[192.0.2.2]" {
		t.Errorf("decided %+v", d)
	}
	alias.Addresses[1].Eligible = false
	d = Decide(r, IPv4, []Tier{{alias}})
	if len(d.Targets) != 1 || fmt.Sprint(d.Targets[0].Addrs) != "[192.0.2.1 192.0.2.2]" {
		t.Errorf("failing open, decided %+v", d)
	}
}

func TestNames(t *testing.T) {
	got := fmt.Sprint(Families, States)
	if want := "[IPv4 IPv6] [fail_closed fail_next fail_open failed_over normal]"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestSample(t *testing.T) {
	for _, limit := range []int{0, 3, 7} {
		if got := fmt.Sprint(Sample(nil, 3, limit)); got != "[0 1 2]" {
			t.Errorf("limit %d of 3 gives %s, want all in order", limit, got)
		}
	}
	for range 100 {
		seen := map[int]bool{}
		for _, i := range Sample([]int{99}, 20, 8)[1:] {
			if i < 0 || i >= 20 || seen[i] {
				t.Fatalf("picked %d, seen %v", i, seen)
			}
			seen[i] = true
		}
		if len(seen) != 8 {
			t.Fatalf("picked %d, want 8", len(seen))
		}
	}
}

// Each ordered pair out of four must come up as often as any other. The
// chi-square value of 12 pairs has 11 degrees of freedom; it exceeds 45 once in
// 200,000 runs.
func TestSampleIsFair(t *testing.T) {
	const rounds, pairs = 120000, 12
	counts := map[[2]int]int{}
	for range rounds {
		counts[[2]int(Sample(nil, 4, 2))]++
	}
	chi := 0.0
	for _, n := range counts {
		d := float64(n) - rounds/pairs
		chi += d * d / (rounds / pairs)
	}
	if len(counts) != pairs || chi > 45 {
		t.Errorf("chi-square %.1f over %v", chi, counts)
	}
}

func TestSampleDoesNotAllocate(t *testing.T) {
	var stack [8]int
	if n := testing.AllocsPerRun(100, func() { Sample(stack[:0], 100, 8) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
