package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// reasonsOf returns what an explanation says, a line for each reason.
func reasonsOf(reasons []Reason) string {
	var lines []string
	for _, r := range reasons {
		lines = append(lines, fmt.Sprintf("%d %s", r.Tier, r.Text))
	}
	return strings.Join(lines, "\n")
}

// explains checks the answer and the reasons, a line for each.
func explains(t *testing.T, r *Record, f Family, c Client, answer string, want ...string) {
	t.Helper()
	choice, reasons := r.Explain(f, c)
	if got := show(choice); got != answer {
		t.Errorf("got %s, want %s", got, answer)
	}
	if got := reasonsOf(reasons); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// explainTests: a line of the decision table each, and why it holds.
var explainTests = []struct {
	name   string
	r      model.Settings
	tiers  string
	start  int
	family Family
	answer string
	want   []string
}{
	{
		name: "primary", tiers: "4+ | 4+", answer: "answer normal 1 1a",
		want: []string{"1 tier 1 is eligible: it answers"},
	},
	{
		name: "secondary", tiers: "4- | 4+", answer: "answer failed_over 2 2a",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 tier 2 is eligible: it answers",
		},
	},
	{
		name: "some eligible", tiers: "4+ 4d+ 4+ 4- 6+", answer: "answer normal 1 1a 1c",
		want: []string{
			"1 1b is drained",
			"1 1d is not eligible: unhealthy",
			"1 tier 1 is eligible: it answers",
			"1 policy all chose each of 2 targets",
		},
	},
	{
		name: "min_healthy", r: model.Settings{MinHealthy: model.MinHealthy{Count: 2}},
		tiers: "4+ 4- | 4+ 4+", answer: "answer failed_over 2 2a 2b",
		want: []string{
			"1 1b is not eligible: unhealthy",
			"1 tier 1 has 1 of 2 eligible targets, 2 needed (min_healthy): next tier",
			"2 tier 2 is eligible: it answers",
			"2 policy all chose each of 2 targets",
		},
	},
	{
		name: "min_healthy let go", r: model.Settings{MinHealthy: model.MinHealthy{Percent: 100}},
		tiers: "4- 4- | 4+ 4-", answer: "answer failed_over 2 2a",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 1b is not eligible: unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 2b is not eligible: unhealthy",
			"2 tier 2 has 1 of 2 eligible targets, 2 needed (min_healthy)",
			"2 no tier has as many eligible targets as it needs: min_healthy is let go, and tier 2 answers",
		},
	},
	{
		name: "NODATA beside another family", tiers: "4+ | 4+ 6+", family: IPv6, answer: "nodata normal 1",
		want: []string{"1 tier 1 has no IPv6 address, and is eligible in IPv4: NODATA"},
	},
	{
		name: "not eligible in the other family", tiers: "4- | 6+", family: IPv6, answer: "answer failed_over 2 2a",
		want: []string{
			"1 tier 1 is passed over: it has no IPv6 address, and is not eligible in IPv4 either",
			"2 tier 2 is eligible: it answers",
		},
	},
	{
		name: "nothing of the family", tiers: "4+ | 4+", family: IPv6, answer: "nodata normal 0",
		want: []string{"0 no target has an IPv6 address: NODATA"},
	},
	{
		name: "fail open", tiers: "4- | 4-", answer: "answer fail_open 1 1a",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 2a is not eligible: unhealthy",
			"2 tier 2 has no eligible target",
			"1 no tier has an eligible target: fail open, tier 1 answers regardless",
		},
	},
	{
		name: "fail open with the drained", tiers: "6- | 4d+", answer: "answer fail_open 2 2a",
		want: []string{
			"1 tier 1 is passed over: it has no IPv4 address, and is not eligible in IPv6 either",
			"2 2a is drained",
			"2 tier 2 has no eligible target",
			"2 no tier has an eligible target: fail open, tier 2 answers regardless, though it is drained",
		},
	},
	{
		name: "fail closed", r: model.Settings{Fail: model.Fail{Mode: model.FailClosed, Rcode: 2}},
		tiers: "4-", answer: "closed fail_closed 0",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 tier 1 has no eligible target",
			"0 no tier has an eligible target: fail closed, SERVFAIL",
		},
	},
	{
		name: "fail closed with another code", r: model.Settings{Fail: model.Fail{Mode: model.FailClosed, Rcode: 15}},
		tiers: "4d+", answer: "closed fail_closed 0",
		want: []string{
			"1 1a is drained",
			"1 tier 1 has no eligible target",
			"0 no tier has an eligible target: fail closed, response code 15",
		},
	},
	{
		name: "fail closed NODATA", r: model.Settings{Fail: model.Fail{Mode: model.FailClosed}},
		tiers: "4-", answer: "nodata fail_closed 0",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 tier 1 has no eligible target",
			"0 no tier has an eligible target: fail closed, NODATA",
		},
	},
	{
		name: "fail next", r: model.Settings{Fail: model.Fail{Mode: model.FailNext}},
		tiers: "4-", answer: "next fail_next 0",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 tier 1 has no eligible target",
			"0 no tier has an eligible target: fail next, the next plugin answers",
		},
	},
	{
		name: "held", tiers: "4+ | 4- | 4+ | 4+", start: 3, answer: "answer failed_over 3 3a",
		want: []string{
			"1 tier 1 is eligible again, but failback holds tier 3",
			"2 2a is not eligible: unhealthy",
			"2 tier 2 has no eligible target: next tier",
			"3 tier 3 is eligible: it answers",
		},
	},
	{
		name: "the held tier fails", tiers: "4- | 4+ | 4- | 4-", start: 3, answer: "answer failed_over 2 2a",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 tier 2 is eligible again, but failback holds tier 3",
			"3 3a is not eligible: unhealthy",
			"3 tier 3 has no eligible target: next tier",
			"4 4a is not eligible: unhealthy",
			"4 tier 4 has no eligible target: next tier",
			"0 no tier from tier 3 on answers: the search starts from the top",
			"2 tier 2 is eligible: it answers",
		},
	},
	{
		name: "either family", tiers: "4- 6- | 4+", family: Any, answer: "answer failed_over 2 2a",
		want: []string{
			"1 1a is not eligible: unhealthy",
			"1 1b is not eligible: unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 tier 2 is eligible: it answers",
		},
	},
}

func TestExplain(t *testing.T) {
	for _, tt := range explainTests {
		t.Run(tt.name, func(t *testing.T) {
			r := recordOf(tt.r, tiersOf(tt.tiers)...)
			r.Start = tt.start
			explains(t, r, tt.family, nil, tt.answer, tt.want...)
		})
	}
}

// TestExplainAlias: what stands behind a word may be much, some or nothing.
func TestExplainAlias(t *testing.T) {
	web := func(eligible ...bool) Tier {
		target := Target{Target: &model.Target{Text: "web.example.net", Kind: model.Alias, TargetOptions: new(model.TargetOptions)}}
		for i, ok := range eligible {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			target.Addresses = append(target.Addresses, Address{Addr: addr, Eligible: ok})
		}
		return Tier{target}
	}
	standby := tiersOf("|4+")[1]
	for _, tt := range []struct {
		web    Tier
		answer string
		want   []string
	}{
		{web(true, true), "answer normal 1 web.example.net web.example.net", []string{
			"1 tier 1 is eligible: it answers",
		}},
		{web(true, false), "answer normal 1 web.example.net", []string{
			"1 web.example.net is eligible with 1 of 2 addresses: the rest is unhealthy",
			"1 tier 1 is eligible: it answers",
		}},
		{web(false, false), "answer failed_over 2 2a", []string{
			"1 web.example.net is not eligible: every IPv4 address of it is unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 tier 2 is eligible: it answers",
		}},
		{web(), "answer failed_over 2 2a", []string{
			"1 web.example.net has no IPv4 address",
			"1 tier 1 is passed over: it has no IPv4 address, and is not eligible in IPv6 either",
			"2 tier 2 is eligible: it answers",
		}},
	} {
		explains(t, recordOf(model.Settings{}, tt.web, standby), IPv4, nil, tt.answer, tt.want...)
	}
	explains(t, recordOf(model.Settings{}, web(), standby), IPv6, nil, "nodata normal 0",
		"1 web.example.net has no IPv6 address", "0 no target has an IPv6 address: NODATA")
	explains(t, recordOf(model.Settings{}, web(), standby), Any, nil, "answer failed_over 2 2a",
		"1 web.example.net has no address", "1 tier 1 is passed over: it has no address",
		"2 tier 2 is eligible: it answers")
}

// TestExplainOperator: it makes no difference to an answer who drained a target.
func TestExplainOperator(t *testing.T) {
	tiers := tiersOf("4+ | 4+")
	tiers[0][0].Drained = true
	explains(t, recordOf(model.Settings{}, tiers...), IPv4, nil, "answer failed_over 2 2a",
		"1 1a is drained", "1 tier 1 has no eligible target: next tier", "2 tier 2 is eligible: it answers")
}

func TestExplainNested(t *testing.T) {
	closed := model.Fail{Mode: model.FailClosed, Rcode: 2}
	for _, tt := range []struct {
		name      string
		tiers     string
		fail      model.Fail
		evaluate  bool
		unhealthy []string
		answer    string
		want      []string
	}{
		{"failed over", "4- | 4+", model.Fail{}, true, nil, "answer normal 1 alias", []string{
			"1 alias answers by itself: failed_over, tier 2",
			"1 tier 1 is eligible: it answers",
		}},
		{"nothing eligible", "4- | 4-", model.Fail{}, true, nil, "answer failed_over 2 2a", []string{
			"1 alias answers by itself: fail_open, tier 1",
			"1 alias is not eligible: nothing in it is (evaluate_target_health)",
			"1 tier 1 has no eligible target: next tier",
			"2 tier 2 is eligible: it answers",
		}},
		{"nothing to answer", "4- | 4-", closed, false, nil, "answer failed_over 2 2a", []string{
			"1 alias answers by itself: fail_closed",
			"1 tier 1 is passed over: it has no IPv4 address, and is not eligible in IPv6 either",
			"2 tier 2 is eligible: it answers",
		}},
		{"no data", "6- | 6-", model.Fail{}, true, nil, "answer failed_over 2 2a", []string{
			"1 alias answers by itself: normal, NODATA",
			"1 tier 1 is passed over: it has no IPv4 address, and is not eligible in IPv6 either",
			"2 tier 2 is eligible: it answers",
		}},
		{"found unhealthy by own checks", "4+ | 4+", model.Fail{}, false, []string{"192.0.0.0"}, "answer failed_over 2 2a", []string{
			"1 alias answers by itself: normal, tier 1",
			"1 alias is not eligible: every IPv4 address of it is unhealthy",
			"1 tier 1 has no eligible target: next tier",
			"2 tier 2 is eligible: it answers",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			child := recordOf(model.Settings{Fail: tt.fail}, tiersOf(tt.tiers)...)
			r := recordOf(model.Settings{}, Tier{aliasOf(child, tt.evaluate, tt.unhealthy...)}, tiersOf("|4+")[1])
			explains(t, r, IPv4, nil, tt.answer, tt.want...)
		})
	}
}

// TestExplainManyTargets: a tier may be large, and its explanation is not.
func TestExplainManyTargets(t *testing.T) {
	tier, _ := many(1000)
	for i := range tier {
		tier[i].Addresses[0].Eligible = i == 999
	}
	_, reasons := recordOf(model.Settings{}, tier).Explain(IPv4, nil)
	lines := strings.Split(reasonsOf(reasons), "\n")
	if len(lines) != 12 || lines[0] != "1 192.0.0.0 is not eligible: unhealthy" ||
		lines[10] != "1 989 more lines about targets of tier 1 are left out" {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

// lastReason is the last line of an explanation.
func lastReason(r *Record, c Client) string {
	_, reasons := r.Explain(IPv4, c)
	return reasons[len(reasons)-1].Text
}

// TestExplainChance: where chance decides, the reasons are those of the choice
// that was made.
func TestExplainChance(t *testing.T) {
	weighted, _ := many(2)
	weighted[0].Weight, weighted[1].Weight = 2, 3
	even, _ := many(3)
	for i := range even {
		even[i].Weight = 0
	}
	for _, tt := range []struct {
		name string
		r    *Record
		want map[string]string // by the answer
	}{
		{"weighted", recordOf(model.Settings{Policy: model.Weighted}, weighted), map[string]string{
			"answer normal 1 192.0.0.0": "policy weighted chose 192.0.0.0 by chance (weight 2 of 5)",
			"answer normal 1 192.0.0.1": "policy weighted chose 192.0.0.1 by chance (weight 3 of 5)",
		}},
		{"without weights", recordOf(model.Settings{Policy: model.Weighted}, even), map[string]string{
			"answer normal 1 192.0.0.0": "policy weighted chose 192.0.0.0 by chance (all weights are 0: 1 of 3)",
			"answer normal 1 192.0.0.1": "policy weighted chose 192.0.0.1 by chance (all weights are 0: 1 of 3)",
			"answer normal 1 192.0.0.2": "policy weighted chose 192.0.0.2 by chance (all weights are 0: 1 of 3)",
		}},
		{"limit", recordOf(model.Settings{Limit: 1}, weighted), map[string]string{
			"answer normal 1 192.0.0.0": "limit 1 of 2 addresses, by chance",
			"answer normal 1 192.0.0.1": "limit 1 of 2 addresses, by chance",
		}},
		{"trickle", recordOf(model.Settings{Trickle: 30}, tiersOf("4+ | 4- | 4+")...), map[string]string{
			"answer normal 1 1a":      "trickle: 30% of the queries get tier 3 instead, but not this one, by chance",
			"answer failed_over 3 3a": "trickle: 30% of the queries get tier 3 instead, and so does this one, by chance",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[string]bool{}
			for n := 0; n < 20 || len(seen) < len(tt.want) && n < 1000; n++ {
				choice, reasons := tt.r.Explain(IPv4, nil)
				answer := show(choice)
				if got := reasons[len(reasons)-1].Text; got != tt.want[answer] {
					t.Fatalf("%s: got %q, want %q", answer, got, tt.want[answer])
				}
				seen[answer] = true
			}
			if len(seen) < len(tt.want) {
				t.Errorf("got but %v", seen)
			}
		})
	}
}

func TestExplainTrickleWithoutStandby(t *testing.T) {
	r := recordOf(model.Settings{Trickle: 99}, tiersOf("4+ | 4-")...)
	explains(t, r, IPv4, nil, "answer normal 1 1a", "1 tier 1 is eligible: it answers")
	r = recordOf(model.Settings{Trickle: 100}, tiersOf("4+ | 4- | 4+")...)
	explains(t, r, IPv4, nil, "answer failed_over 3 3a",
		"1 tier 1 is eligible: it answers",
		"2 2a is not eligible: unhealthy",
		"2 tier 2 has no eligible target: next tier",
		"3 trickle: 100% of the queries get tier 3 instead, and so does this one, by chance")
}

func TestExplainSticky(t *testing.T) {
	tier, _ := many(1)
	tier = append(tier, tiersOf("|4+")[1]...)
	r := recordOf(model.Settings{Policy: model.Sticky}, tier)
	for _, tt := range []struct{ prefix, want string }{
		{"198.51.100.7/32", "for all of 198.51.100.0/24"},
		{"198.51.0.0/16", "for all of 198.51.0.0/16"},
		{"2001:db8:1:234::1/128", "for all of 2001:db8:1:200::/56"},
	} {
		c := &client{prefix: netip.MustParsePrefix(tt.prefix)}
		if got := lastReason(r, c); !strings.HasPrefix(got, "policy sticky chose ") || !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s: got %q", tt.prefix, got)
		}
	}
	if got := lastReason(r, &client{}); !strings.HasSuffix(got, ": the client is not known") {
		t.Errorf("got %q", got)
	}
}

func TestExplainFastest(t *testing.T) {
	tier, _ := many(2)
	r := recordOf(model.Settings{Policy: model.Fastest}, tier)
	measure := func(first, second time.Duration) {
		r.Tiers[0][0].Addresses[0].Meter, r.Tiers[0][1].Addresses[0].Meter = meter(first), meter(second)
	}
	for _, tt := range []struct {
		first, second time.Duration
		want          string
	}{
		{0, 0, "policy fastest chose 192.0.0.0: no connect time is known yet"},
		{5 * time.Millisecond, 1234567, "policy fastest chose 192.0.0.1: it connects in 1.23ms"},
		{1100 * time.Microsecond, 1234567, "policy fastest stays with 192.0.0.1, which connects in 1.23ms: 192.0.0.0 with 1.1ms is not 20% faster"},
	} {
		measure(tt.first, tt.second)
		if got := lastReason(r, nil); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		d := r.Decide(IPv4)
		d.Choose(nil, nil) // which is remembered
	}
}

// TestExplainIsNotRemembered: policy fastest stays with what it chose for a query,
// not with what it would choose.
func TestExplainIsNotRemembered(t *testing.T) {
	tier, _ := many(2)
	tier[0].Addresses[0].Meter, tier[1].Addresses[0].Meter = meter(100), meter(90)
	r := recordOf(model.Settings{Policy: model.Fastest}, tier)
	outer := recordOf(model.Settings{}, Tier{{Target: &model.Target{Text: "inner", TargetOptions: new(model.TargetOptions)}, Record: r}})
	d := r.Decide(IPv4)
	if first := d.Choose(nil, nil).Picks[0].Addr; first != tier[1].Addr {
		t.Fatalf("chose %v", first)
	}
	down := &Record{Rules: r.Rules, Tiers: []Tier{slices.Clone(tier)}}
	down.Tiers[0][1].Addresses = nil
	down.Explain(IPv4, nil)
	tier[0].Addresses[0].Meter, tier[1].Addresses[0].Meter = meter(80), meter(90) // not 20% faster
	outer.Explain(IPv4, nil)
	d = r.Decide(IPv4)
	if got := d.Choose(nil, nil).Picks[0].Addr; got != tier[1].Addr {
		t.Errorf("chose %v", got)
	}
}

func TestExplainNearest(t *testing.T) {
	at := func(places ...*model.Location) *Record {
		tier, _ := many(len(places))
		for i, p := range places {
			tier[i].Location = p
		}
		return recordOf(model.Settings{Policy: model.Nearest}, tier)
	}
	berlin, sydney := &model.Location{Latitude: 52.52, Longitude: 13.4}, &model.Location{Latitude: -33.9, Longitude: 151.2}
	biased := &model.Location{Latitude: -33.9, Longitude: 151.2, Bias: 99}
	hamburg := &client{latitude: 53.55, longitude: 10, located: true}
	for _, tt := range []struct {
		r    *Record
		c    *client
		want string
	}{
		{at(berlin, sydney), hamburg, "policy nearest chose 192.0.0.0: 255 km from the client"},
		{at(berlin, biased), hamburg, "policy nearest chose 192.0.0.1: 163 km from the client by its bias"},
		{at(sydney, berlin, berlin), hamburg, "policy nearest chose 192.0.0.1 and 192.0.0.2: 255 km from the client"},
		{at(berlin, sydney), &client{}, "policy nearest chose each of 2 targets: it is not known where the client is"},
		{
			at(sydney, berlin, berlin, berlin, berlin, berlin, berlin, berlin), hamburg,
			"policy nearest chose 192.0.0.1, 192.0.0.2, 192.0.0.3, 192.0.0.4, 192.0.0.5 and 2 more: 255 km from the client",
		},
		{at(berlin, berlin, berlin), hamburg, "policy nearest chose each of 3 targets: they are in one place"},
	} {
		if got := lastReason(tt.r, tt.c); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// clientsOf is clientsTier with words that name the tier and the place.
func clientsOf(at byte, values ...[]string) Tier {
	tier := clientsTier(at, values...)
	for i := range tier {
		tier[i].Text = fmt.Sprintf("%d%c", at+1, 'a'+i)
	}
	return tier
}

// TestExplainClients: a match for each level of exactness, and none.
func TestExplainClients(t *testing.T) {
	first := clientsOf(0, []string{"198.51.100.0/24"}, []string{"198.51.0.0/16", "subdivision:GB-ENG"}, []string{"country:GB"}, []string{"continent:EU"})
	first[0].Addresses[0].Eligible = false
	r := recordOf(model.Settings{Policy: model.Clients}, first, clientsOf(1, []string{"203.0.113.0/24"}, []string{"2001:db8::/32", "203.0.113.0/25"}))
	unhealthy := "1 1a" + " is not eligible: unhealthy"
	for _, tt := range []struct {
		c      *client
		answer string
		want   []string
	}{
		{fromAddr("198.51.100.7"), "answer normal 1 1b", []string{
			unhealthy,
			"1 tier 1 is eligible: it answers",
			"1 policy clients: 198.51.100.7 matches 198.51.100.0/24 of 1a" + ", which does not answer: next larger match",
			"1 policy clients: 198.51.100.7 matches 198.51.0.0/16 of 1b",
		}},
		{&client{prefix: netip.MustParsePrefix("192.0.2.0/24"), subs: "ENG", country: "GB"}, "answer normal 1 1b", []string{
			unhealthy,
			"1 tier 1 is eligible: it answers",
			"1 policy clients: 192.0.2.0/24 matches subdivision:GB-ENG of 1b",
		}},
		{&client{country: "GB", cont: "EU"}, "answer normal 1 1c", []string{
			unhealthy,
			"1 tier 1 is eligible: it answers",
			"1 policy clients: this client matches country:GB of 1c",
		}},
		{fromAddr("203.0.113.7"), "answer failed_over 2 2b", []string{
			unhealthy,
			"1 tier 1 is eligible, but has nothing eligible for 203.0.113.7: next tier",
			"2 tier 2 is eligible: it answers",
			"2 policy clients: 203.0.113.7 matches 203.0.113.0/25 of 2b",
		}},
		{fromAddr("192.0.2.7"), "nodata normal 0", []string{
			"0 policy clients: 192.0.2.7 matches no target: NODATA",
		}},
	} {
		explains(t, r, IPv4, tt.c, tt.answer, tt.want...)
	}
	explains(t, r, IPv6, fromAddr("203.0.113.7"), "nodata normal 0", "0 no target has an IPv6 address: NODATA")
}

// TestExplainClientsWithNothingEligible: what holds for one client need not hold
// for another.
func TestExplainClientsWithNothingEligible(t *testing.T) {
	tier := clientsOf(0, []string{"10.0.0.0/8"}, []string{"11.0.0.0/8"}, []string{"10.0.0.0/8"}, []string{"12.0.0.0/8"})
	tier[0].Addresses[0].Eligible = false
	tier[2].Addresses[0].Eligible = false
	tier[3].Addresses[0] = Address{Addr: netip.MustParseAddr("2001:db8::1"), Eligible: true}
	unhealthy := []string{"1 1a is not eligible: unhealthy", "1 1c is not eligible: unhealthy"}
	r := recordOf(model.Settings{Policy: model.Clients}, tier)
	explains(t, r, IPv4, fromAddr("10.0.0.1"), "answer fail_open 1 1a 1c", append(slices.Clone(unhealthy),
		"1 tier 1 is eligible, but has nothing eligible for 10.0.0.1",
		"1 no eligible target is for 10.0.0.1: fail open, tier 1 answers regardless",
		"1 policy clients: 10.0.0.1 matches 10.0.0.0/8 of 1a and 1c")...)
	explains(t, r, IPv4, fromAddr("12.0.0.1"), "nodata normal 0",
		"0 no target has an IPv4 address for 12.0.0.1: NODATA")

	second := clientsOf(1, []string{"12.0.0.0/8"})
	r = recordOf(model.Settings{Policy: model.Clients}, tier, second)
	explains(t, r, IPv4, fromAddr("12.0.0.1"), "nodata normal 1", append(slices.Clone(unhealthy),
		"1 tier 1 has no IPv4 address for 12.0.0.1, and is eligible in IPv6: NODATA")...)

	r = recordOf(model.Settings{Policy: model.Clients, MinHealthy: model.MinHealthy{Count: 2}}, tier,
		clientsOf(1, []string{"13.0.0.0/8"}, []string{"13.0.0.0/8"}))
	explains(t, r, IPv4, fromAddr("11.0.0.1"), "answer normal 1 1b", append(slices.Clone(unhealthy),
		"1 tier 1 has 1 of 3 eligible targets, 2 needed (min_healthy): next tier",
		"2 tier 2 is eligible, but has nothing eligible for 11.0.0.1",
		"1 no tier has as many eligible targets as it needs for 11.0.0.1: min_healthy is let go, and tier 1 answers",
		"1 policy clients: 11.0.0.1 matches 11.0.0.0/8 of 1b")...)
}

// TestExplainNestedClients: a record within may have nothing for a client.
func TestExplainNestedClients(t *testing.T) {
	child := recordOf(model.Settings{Policy: model.Clients}, clientsOf(0, []string{"10.0.0.0/8"}))
	tier := append(Tier{aliasOf(child, true)}, tiersOf("|4+")[1]...)
	explains(t, recordOf(model.Settings{}, tier), IPv4, fromAddr("11.0.0.1"), "answer normal 1 2a",
		"1 alias answers by itself: normal, tier 1",
		"1 tier 1 is eligible: it answers",
		"1 alias has nothing for 11.0.0.1")
}

// decidesByChance reports whether two choices of the record may differ.
func decidesByChance(r *Record) bool {
	for _, tier := range r.Tiers {
		for _, t := range tier {
			if t.Record != nil && decidesByChance(t.Record) {
				return true
			}
		}
	}
	return r.Policy == model.Weighted || r.Trickle > 0 || r.Limit > 0
}

// passes are what is said of tiers that do not answer.
var passes = []string{": next tier", "passed over", "has no eligible target", "needed (min_healthy)", "has nothing eligible for", "but failback holds"}

// saysWhyNot reports whether the reasons say why a tier does not answer.
func saysWhyNot(reasons []Reason, tier int) bool {
	return slices.ContainsFunc(reasons, func(r Reason) bool {
		return r.Tier == tier && slices.ContainsFunc(passes, func(s string) bool { return strings.Contains(r.Text, s) })
	})
}

// An explanation tells of a choice that the table allows, gives a reason for
// every tier that it went past, and ends with what is answered.
func TestExplanationsAreThoseOfTheTable(t *testing.T) {
	for range 2500 {
		seed := seedOf(t)
		b := &builder{Rand: rand.New(rand.NewPCG(seed, 1))}
		r := b.record(b.IntN(3))
		f := oneOf(b, IPv4, IPv4, IPv6, Any)
		c := b.client()
		choice, reasons := r.Explain(f, c)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("POLICY_SEED=%d, %v, %+v:\n%s%s\n%s\n%s", seed, f, c, describe(r, ""), answerOf(choice),
				reasonsOf(reasons), fmt.Sprintf(format, args...))
		}
		if want := shown(answerer{r, nil, f}.possible(c)); !slices.Contains(want, answerOf(choice)) {
			fail("want one of %s", strings.Join(want, "\n"))
		}
		d := r.Decide(f)
		if chosen := d.Choose(c, nil); !decidesByChance(r) && (answerOf(chosen) != answerOf(choice) || chosen.Scope != choice.Scope) {
			fail("chose %s, scope %d", answerOf(chosen), chosen.Scope)
		}
		for _, reason := range reasons {
			if reason.Text == "" || strings.Contains(reason.Text, "%!") || reason.Tier < 0 || reason.Tier > len(r.Tiers) {
				fail("%+v", reason)
			}
		}
		if last := reasons[len(reasons)-1]; last.Tier != choice.Tier {
			fail("it ends with tier %d", last.Tier)
		}
		for _, reason := range reasons {
			if !isTrue(answerer{r, nil, f}, c, reason) {
				fail("%q is not so", reason.Text)
			}
		}
		for _, tier := range before(r, choice) {
			if !saysWhyNot(reasons, tier) && !answersFirst(reasons, tier) {
				fail("nothing is said about tier %d", tier)
			}
		}
	}
}

// isTrue reports whether what is said of a tier is what the table says of it. It
// knows but of lines about whole tiers.
func isTrue(in answerer, c *client, r Reason) bool {
	if r.Tier == 0 || !strings.HasPrefix(r.Text, fmt.Sprintf("tier %d ", r.Tier)) {
		return true
	}
	tier := in.Tiers[r.Tier-1]
	candidates := len(keep(tier, func(t Target) bool { return isCandidate(t, in.f) }))
	eligible := len(keep(tier, func(t Target) bool { return isEligible(t, in.f) }))
	enough, mine := in.enough(tier, in.f), len(in.answered(tier, true, c))
	switch {
	case strings.Contains(r.Text, ": it answers"):
		return enough && mine > 0
	case strings.Contains(r.Text, "but has nothing eligible for"):
		return enough && mine == 0
	case strings.Contains(r.Text, "needed (min_healthy)"):
		return !enough && eligible > 0 && strings.Contains(r.Text, fmt.Sprintf("has %d of %d eligible", eligible, candidates))
	case strings.Contains(r.Text, "has no eligible target"):
		return !enough && eligible == 0 && candidates > 0
	case strings.Contains(r.Text, "passed over"):
		return candidates == 0
	case strings.Contains(r.Text, "but failback holds"):
		_, stops := in.at(r.Tier-1, nil)
		return stops && r.Tier < in.Start
	case strings.Contains(r.Text, ": NODATA"):
		return in.absent(tier, c)
	}
	return false
}

// before are the tiers, from 1, that the search went past until one answered.
func before(r *Record, c Choice) []int {
	if c.Tier == 0 && c.State == Normal {
		return nil // there is nothing at all
	}
	var tiers []int
	for tier := max(1, r.Start); tier <= len(r.Tiers); tier++ {
		if tier == c.Tier && c.State <= FailedOver {
			return tiers
		}
		tiers = append(tiers, tier)
	}
	for tier := 1; tier < r.Start && (tier != c.Tier || c.State > FailedOver); tier++ {
		tiers = append(tiers, tier)
	}
	return tiers
}

// answersFirst reports whether a trickle passes the tier by.
func answersFirst(reasons []Reason, tier int) bool {
	return slices.Contains(reasons, Reason{tier, fmt.Sprintf("tier %d is eligible: it answers", tier)}) &&
		strings.Contains(reasonsOf(reasons), "and so does this one")
}
