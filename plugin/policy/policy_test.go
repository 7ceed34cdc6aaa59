package policy_test

import (
	"cmp"
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
				Text: fmt.Sprintf("%d%c", i+1, 'a'+j), Addr: addr,
				TargetOptions: &model.TargetOptions{Drain: strings.Contains(word, "d")},
			}
			eligible := strings.HasSuffix(word, "+")
			tier = append(tier, Target{Target: m, Addresses: []Address{{Addr: addr, Eligible: eligible}}})
		}
		tiers = append(tiers, tier)
	}
	return tiers
}

// recordOf returns a record of m whose targets are those of tiers.
func recordOf(settings model.Settings, tiers ...Tier) *Record {
	m := model.Record{Settings: &settings}
	m.Policy = cmp.Or(m.Policy, model.All)
	for _, tier := range tiers {
		var targets model.Tier
		for _, t := range tier {
			targets = append(targets, *t.Target)
		}
		m.Tiers = append(m.Tiers, targets)
	}
	return &Record{Rules: NewRules(&m), Tiers: tiers}
}

// show returns a choice in a form that is quick to read.
func show(c Choice) string {
	kind := [...]string{Answer: "answer", NoData: "nodata", Closed: "closed", Next: "next"}[c.Kind]
	s := fmt.Sprintf("%s %v %d", kind, c.State, c.Tier)
	for _, p := range c.Picks {
		s += " " + p.Target.Text
	}
	return s
}

// decideAndChoose returns what a record of policy all answers to everyone.
func decideAndChoose(r *Record, f Family) string {
	d := r.Decide(f)
	c := d.Choose(nil, nil)
	if d.Kind != c.Kind || d.State != c.State || int(d.Tier) != c.Tier {
		return fmt.Sprintf("decided %+v, chose %+v", d, c)
	}
	return show(c)
}

func TestDecide(t *testing.T) {
	type r = model.Settings
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
		if got := decideAndChoose(recordOf(tt.r, tiers...), IPv4); got != tt.v4 {
			t.Errorf("%s, IPv4: %s\ngot  %s\nwant %s", tt.name, tt.tiers, got, tt.v4)
		}
		if got := decideAndChoose(recordOf(tt.r, tiers...), IPv6); got != tt.v6 {
			t.Errorf("%s, IPv6: %s\ngot  %s\nwant %s", tt.name, tt.tiers, got, tt.v6)
		}
	}
}

func TestChoosesOnlyEligibleAddressesOfATarget(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	alias := Target{
		Target:    &model.Target{Text: "lb.example.net", TargetOptions: new(model.TargetOptions)},
		Addresses: []Address{{Addr: a}, {Addr: b, Eligible: true}},
	}
	r := recordOf(model.Settings{}, Tier{alias})
	d := r.Decide(IPv4)
	if got := d.Choose(nil, nil).Picks; len(got) != 1 || got[0].Addr != b {
		t.Errorf("chose %v", got)
	}
	alias.Addresses[1].Eligible = false
	d = r.Decide(IPv4)
	if got := d.Choose(nil, nil).Picks; len(got) != 2 || d.State != FailOpen {
		t.Errorf("failing open, chose %v", got)
	}
}

func TestAnyCountsBothFamilies(t *testing.T) {
	for _, tt := range []struct{ tiers, want string }{
		{"4- 6+ | 4+", "answer normal 1 1b"},
		{"6- | 4+", "answer failed_over 2 2a"},
		{"6- | 4-", "answer fail_open 1 1a"},
	} {
		if got := decideAndChoose(recordOf(model.Settings{}, tiersOf(tt.tiers)...), Any); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.tiers, got, tt.want)
		}
	}
}

func TestStart(t *testing.T) {
	for _, tt := range []struct {
		tiers string
		start int
		want  string
	}{
		{"4+ | 4+ | 4+", 2, "answer failed_over 2 2a"},
		{"4+ | 4- | 4+", 2, "answer failed_over 3 3a"},
		{"4+ | 4- | 4-", 2, "answer normal 1 1a"},
		{"4- | 4- | 4-", 2, "answer fail_open 1 1a"},
		{"4+ | 4+", 9, "answer normal 1 1a"},
		{"4+ | 4+", 1, "answer normal 1 1a"},
	} {
		r := recordOf(model.Settings{}, tiersOf(tt.tiers)...)
		r.Start = tt.start
		if got := decideAndChoose(r, IPv4); got != tt.want {
			t.Errorf("%s from %d: got %s, want %s", tt.tiers, tt.start, got, tt.want)
		}
	}
}

func TestEligibleTiers(t *testing.T) {
	r := recordOf(model.Settings{MinHealthy: model.MinHealthy{Count: 2}}, tiersOf("4+ 4- | 4+ 4+ | 6+ 6+ | 6-")...)
	if got := fmt.Sprint(r.Eligible(IPv4), r.Eligible(IPv6), r.Eligible(Any)); got !=
		"[false true true false] [false true true false] [false true true false]" {
		t.Error(got)
	}
}

func TestDiffers(t *testing.T) {
	d := Decision{Kind: Answer, State: FailedOver, Tier: 2}
	for _, other := range []Decision{
		{Kind: NoData, State: FailedOver, Tier: 2},
		{Kind: Answer, State: Normal, Tier: 2},
		{Kind: Answer, State: FailedOver, Tier: 3},
	} {
		if !d.Differs(&other) {
			t.Errorf("%+v does not differ from %+v", d, other)
		}
	}
	if d.Differs(&d) {
		t.Error("a decision differs from itself")
	}
}

func TestNames(t *testing.T) {
	got := fmt.Sprint(Families, Any, States)
	if want := "[IPv4 IPv6] any [fail_closed fail_next fail_open failed_over normal]"; got != want {
		t.Errorf("got %s", got)
	}
}
