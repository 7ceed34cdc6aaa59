package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// clientsTier returns a tier with a target for each list of values; its text is
// the first of them.
func clientsTier(at byte, values ...[]string) Tier {
	var tier Tier
	for i, vs := range values {
		addr := netip.AddrFrom4([4]byte{192, at, byte(i >> 8), byte(i)})
		tier = append(tier, Target{
			Target:    &model.Target{Text: vs[0], Addr: addr, TargetOptions: &model.TargetOptions{Clients: vs}},
			Addresses: []Address{{Addr: addr, Eligible: true}},
		})
	}
	return tier
}

func fromAddr(s string) *client {
	addr := netip.MustParseAddr(s)
	return &client{prefix: netip.PrefixFrom(addr, addr.BitLen())}
}

// Topic "Geolocation routing" of Route 53's developer guide: the smallest region
// that the client is in has priority; "How Amazon Route 53 chooses records when
// health checking is configured": where that is unhealthy the next larger one,
// and last the default.
func TestClientsFallBackToLargerRegions(t *testing.T) {
	who := fromAddr("198.51.100.7")
	who.subs, who.country, who.cont = "GB-ENG,GB-OXF", "GB", "EU"
	order := []string{
		"198.51.100.0/24", "198.51.0.0/16", "subdivision:GB-OXF", "subdivision:GB-ENG", "country:GB", "continent:EU", "*",
	}
	tier := clientsTier(0, []string{"*"}, []string{"continent:EU"}, []string{"subdivision:GB-ENG"}, []string{"country:GB"},
		[]string{"198.51.0.0/16"}, []string{"198.51.100.0/24"}, []string{"subdivision:GB-OXF"}, []string{"country:DE"})
	r := recordOf(model.Settings{Policy: model.Clients}, tier)
	for i, want := range order {
		d := r.Decide(IPv4)
		c := d.Choose(who, nil)
		if len(c.Picks) != 1 || c.Picks[0].Target.Text != want || c.State != Normal {
			t.Fatalf("chose %+v, want %s", c, want)
		}
		// Networks need but their own bits, regions the address.
		if wantScope := []int{24, 24, 32}[min(i, 2)]; c.Scope != wantScope {
			t.Errorf("%s: scope %d, want %d", want, c.Scope, wantScope)
		}
		for j := range tier {
			if tier[j].Text == want {
				tier[j].Addresses[0].Eligible = false
			}
		}
	}
	d := r.Decide(IPv4)
	if got := show(d.Choose(who, nil)); got != "answer fail_open 1 198.51.100.0/24" {
		t.Errorf("all that match are unhealthy: %s", got)
	}
}

func TestClients(t *testing.T) {
	one, two := clientsTier(0, []string{"10.0.0.0/8"}, []string{"country:DE"}), clientsTier(1, []string{"11.0.0.0/8"}, []string{"country:DE"})
	one[0].Addresses[0].Eligible = false
	german := fromAddr("203.0.113.1")
	german.country = "DE"
	for _, tt := range []struct {
		name   string
		fail   model.Fail
		client *client
		want   string
		scope  int
	}{
		{"matched in the first tier", model.Fail{}, german, "answer normal 1 country:DE", 32},
		{"matched in the second tier only", model.Fail{}, fromAddr("11.1.1.1"), "answer failed_over 2 11.0.0.0/8", 32},
		{"matched nowhere", model.Fail{}, fromAddr("12.1.1.1"), "nodata normal 0", 32},
		{"matched nowhere, fail closed", model.Fail{Mode: model.FailClosed, Rcode: 2}, fromAddr("12.1.1.1"), "nodata normal 0", 32},
		{"matched, none eligible", model.Fail{}, fromAddr("10.1.1.1"), "answer fail_open 1 10.0.0.0/8", 32},
		{"matched, none eligible, fail closed", model.Fail{Mode: model.FailClosed, Rcode: 2}, fromAddr("10.1.1.1"), "closed fail_closed 0", 32},
		{"the same, NODATA", model.Fail{Mode: model.FailClosed}, fromAddr("10.1.1.1"), "nodata fail_closed 0", 32},
		{"the same, next", model.Fail{Mode: model.FailNext}, fromAddr("10.1.1.1"), "next fail_next 0", 32},
		{"IPv4 in IPv6", model.Fail{}, fromAddr("::ffff:11.1.1.1"), "answer failed_over 2 11.0.0.0/8", 32},
		{"IPv6", model.Fail{}, fromAddr("2001:db8::1"), "nodata normal 0", 128},
		{"not known", model.Fail{}, &client{}, "nodata normal 0", 0},
	} {
		d := recordOf(model.Settings{Policy: model.Clients, Fail: tt.fail}, one, two).Decide(IPv4)
		c := d.Choose(tt.client, nil)
		if got := show(c); got != tt.want || c.Scope != tt.scope {
			t.Errorf("%s: got %s, scope %d, want %s, %d", tt.name, got, c.Scope, tt.want, tt.scope)
		}
	}
}

// A subdivision may come with its country or, as geoip has it, without.
func TestSubdivisionsWithoutCountry(t *testing.T) {
	d := recordOf(model.Settings{Policy: model.Clients},
		clientsTier(0, []string{"subdivision:GB-ENG"}, []string{"subdivision:GB-OXF"}, []string{"subdivision:US-WA"})).Decide(IPv4)
	for subs, want := range map[string]string{
		"ENG":           "answer normal 1 subdivision:GB-ENG",
		"ENG,OXF":       "answer normal 1 subdivision:GB-OXF",
		"ENG,XYZ":       "answer normal 1 subdivision:GB-ENG",
		"GB-ENG,GB-OXF": "answer normal 1 subdivision:GB-OXF",
		"WA":            "nodata normal 0",
		"ENG,OXF,XYZ":   "answer normal 1 subdivision:GB-OXF", // two are looked at, the smaller ones
	} {
		c := fromAddr("198.51.100.7")
		c.subs, c.country = subs, "GB"
		if got := show(d.Choose(c, nil)); got != want {
			t.Errorf("%s: got %s, want %s", subs, got, want)
		}
	}
}

// Targets that match alike are answered together, and those without anything to
// ask regions for are not asked.
func TestClientsThatMatchAlike(t *testing.T) {
	tier := clientsTier(0, []string{"a", "10.0.0.0/8"}, []string{"b", "10.0.0.0/8", "*"}, []string{"c", "*"})
	for i := range tier {
		tier[i].Clients = tier[i].Clients[1:]
	}
	d := recordOf(model.Settings{Policy: model.Clients}, tier).Decide(IPv4)
	for who, want := range map[string]string{"10.1.1.1": "answer normal 1 a b", "11.1.1.1": "answer normal 1 b c"} {
		c := fromAddr(who)
		if got := show(d.Choose(c, nil)); got != want || c.otherAsked > 0 {
			t.Errorf("%s: got %s, want %s; asked %d times", who, got, want, c.otherAsked)
		}
	}
}

// randomPrefix returns one that is often inside others.
func randomPrefix(r *rand.Rand, v6 bool) netip.Prefix {
	if !v6 {
		p, _ := netip.AddrFrom4([4]byte{10, byte(r.IntN(3)), byte(r.IntN(256)), byte(r.IntN(256))}).Prefix(r.IntN(33))
		return p
	}
	a := [16]byte{0x20, 1, 0x0d, 0xb8, byte(r.IntN(2)), byte(r.IntN(4)), 6: byte(r.IntN(256)), 15: byte(r.IntN(4))}
	p, _ := netip.AddrFrom16(a).Prefix(r.IntN(129))
	return p
}

// inside returns a random address of p, often near its ends.
func inside(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	kind := r.IntN(4)
	for i := p.Bits(); i < len(b)*8; i++ {
		if kind == 1 || kind > 1 && r.IntN(2) == 1 {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// RFC 7871, 7.2.1: a resolver gives the answer to every client whose address is
// inside the scope. So all of them must get the same, however many bits of their
// address are known.
func TestScopeHoldsForAllInside(t *testing.T) {
	const cases, clientsEach, addressesEach = 300, 20, 30
	for range cases {
		seed := seedOf(t)
		r := rand.New(rand.NewPCG(seed, 1))
		v6 := r.IntN(2) == 1
		var values [][]string
		seen := map[netip.Prefix]bool{}
		for range r.IntN(60) {
			if p := randomPrefix(r, v6); !seen[p] {
				seen[p] = true
				values = append(values, []string{p.String()})
			}
		}
		values = append(values, []string{"*"})
		d := recordOf(model.Settings{Policy: model.Clients}, clientsTier(0, values...)).Decide(IPv4)
		for range clientsEach {
			asked := randomPrefix(r, v6)
			if r.IntN(2) == 1 {
				asked = netip.PrefixFrom(asked.Addr(), asked.Addr().BitLen())
			}
			c := d.Choose(&client{prefix: asked}, nil)
			if c.Scope > asked.Bits() {
				continue // it says that more bits are needed
			}
			scope, _ := asked.Addr().Prefix(c.Scope)
			for range addressesEach {
				addr := inside(r, scope)
				known, _ := addr.Prefix(c.Scope + r.IntN(addr.BitLen()-c.Scope+1))
				other := d.Choose(&client{prefix: known}, nil)
				if show(other) != show(c) {
					t.Fatalf("POLICY_SEED=%d: %v got %s with scope %d, but %v got %s\n%v",
						seed, asked, show(c), c.Scope, known, show(other), values)
				}
			}
		}
	}
}

// The scope is as long as it must be, and no longer.
func TestScope(t *testing.T) {
	tier := clientsTier(0, []string{"10.0.0.0/8"}, []string{"10.1.0.0/16"}, []string{"10.1.128.0/24"}, []string{"2001:db8::/32"}, []string{"*"})
	d := recordOf(model.Settings{Policy: model.Clients}, tier).Decide(IPv4)
	for _, tt := range []struct {
		client string
		scope  int
		want   string
	}{
		{"10.200.0.1/32", 9, "10.0.0.0/8"},     // 10.128.0.0/9 has no other network
		{"10.0.0.1/32", 16, "10.0.0.0/8"},      // 10.1.0.0/16 is next to 10.0.0.0/16
		{"10.1.1.1/32", 17, "10.1.0.0/16"},     // 10.1.128.0/24 is in the other half
		{"10.1.128.1/32", 24, "10.1.128.0/24"}, // itself
		{"10.1.129.1/32", 24, "10.1.0.0/16"},
		{"10.0.0.0/8", 16, "10.0.0.0/8"}, // more bits could be more exact
		{"10.0.0.0/7", 8, "*"},
		{"200.0.0.1/32", 1, "*"},
		{"2001:db8::1/128", 32, "2001:db8::/32"},
		{"::ffff:10.200.0.1/128", 9, "10.0.0.0/8"},
	} {
		c := d.Choose(&client{prefix: netip.MustParsePrefix(tt.client)}, nil)
		if c.Scope != tt.scope || len(c.Picks) != 1 || c.Picks[0].Target.Text != tt.want {
			t.Errorf("%s: got %s, scope %d, want %s, %d", tt.client, show(c), c.Scope, tt.want, tt.scope)
		}
	}
}

// One family's networks have nothing to say to the other: ::/0 does not contain
// IPv4.
func TestFamiliesOfClients(t *testing.T) {
	d := recordOf(model.Settings{Policy: model.Clients}, clientsTier(0, []string{"::/0"}, []string{"*"})).Decide(IPv4)
	if c := d.Choose(fromAddr("10.0.0.1"), nil); show(c) != "answer normal 1 *" || c.Scope != 0 {
		t.Error(show(c), c.Scope)
	}
	if c := d.Choose(fromAddr("fd00::1"), nil); show(c) != "answer normal 1 ::/0" || c.Scope != 0 {
		t.Error(show(c), c.Scope)
	}
}

// To a client that matches only targets of the other family in an eligible tier
// the tier says NODATA, as to everyone where it has no other targets.
func TestClientsServedInTheOtherFamily(t *testing.T) {
	tiers := tiersOf("4+ 6+ | 4+")
	tiers[0][0].Clients, tiers[0][1].Clients = []string{"10.0.0.0/8"}, []string{"11.0.0.0/8", "12.0.0.0/8"}
	tiers[1][0].Clients = []string{"11.0.0.0/8"}
	d := recordOf(model.Settings{Policy: model.Clients}, tiers...).Decide(IPv4)
	for who, want := range map[string]string{
		"10.1.1.1": "answer normal 1 1a",
		"11.1.1.1": "nodata normal 1",
		"12.1.1.1": "nodata normal 0",
	} {
		if got := show(d.Choose(fromAddr(who), nil)); got != want {
			t.Errorf("%s: got %s, want %s", who, got, want)
		}
	}
}

func BenchmarkChooseClients(b *testing.B) {
	for _, n := range []int{2, 8, 100, 10000} {
		var values [][]string
		for i := range n {
			values = append(values, []string{fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)})
		}
		d := recordOf(model.Settings{Policy: model.Clients}, clientsTier(0, values...)).Decide(IPv4)
		benchmark(b, fmt.Sprint(n), d, fromAddr("10.0.1.1"))
	}
}
