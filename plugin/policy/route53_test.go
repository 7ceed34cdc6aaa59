package policy_test

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// Topics "Failover routing" and "How Amazon Route 53 chooses records when health
// checking is configured" of Route 53's developer guide: the primary while it is
// healthy, or while both are not.
func TestActivePassive(t *testing.T) {
	for tiers, want := range map[string]string{
		"4+ | 4+": "answer normal 1 1a",
		"4+ | 4-": "answer normal 1 1a",
		"4- | 4+": "answer failed_over 2 2a",
		"4- | 4-": "answer fail_open 1 1a",
	} {
		if got := decideAndChoose(recordOf(model.Settings{}, tiersOf(tiers)...), IPv4); got != want {
			t.Errorf("%s: got %s, want %s", tiers, got, want)
		}
	}
}

// at returns targets at those places; the client is at 0, 0.
func at(places ...model.Location) Tier {
	tier, _ := many(len(places))
	for i := range places {
		tier[i].Text = fmt.Sprint(i)
		tier[i].Location = &places[i]
	}
	return tier
}

// Topic "Geoproximity routing" of Route 53's developer guide, "How Route 53 uses
// bias": positive, biased distance = actual distance * [1 - (bias/100)];
// negative, biased distance = actual distance / [1 + (bias/100)].
func TestNearest(t *testing.T) {
	type places = []model.Location
	for _, tt := range []struct {
		name   string
		places places
		want   string
	}{
		{"without bias", places{{Longitude: 11}, {Longitude: 10}}, "answer normal 1 1"},
		{"150 km with 66 are 51", places{{Longitude: 15, Bias: 66}, {Longitude: 5.2}}, "answer normal 1 0"},
		{"but not 50", places{{Longitude: 15, Bias: 66}, {Longitude: 5}}, "answer normal 1 1"},
		{"50 km with -50 are 100", places{{Longitude: 5, Bias: -50}, {Longitude: 9.9}}, "answer normal 1 1"},
		{"but not 101", places{{Longitude: 5, Bias: -50}, {Longitude: 10.1}}, "answer normal 1 0"},
		{"99", places{{Longitude: 100, Bias: 99}, {Longitude: 1.01}}, "answer normal 1 0"},
		{"-99", places{{Longitude: 1, Bias: -99}, {Longitude: 99}}, "answer normal 1 1"},
		{"over the date line", places{{Longitude: 179}, {Longitude: -178}}, "answer normal 1 0"},
		{"over the pole", places{{Latitude: 89, Longitude: 180}, {Longitude: 92}}, "answer normal 1 0"},
		{"centimetres", places{{Longitude: 2e-7}, {Longitude: 1e-7}}, "answer normal 1 1"},
		{"in one place", places{{Longitude: 7}, {Longitude: 8}, {Longitude: 7}}, "answer normal 1 0 2"},
		{"all in one place", places{{Longitude: 7}, {Longitude: 7}}, "answer normal 1 0 1"},
	} {
		d := recordOf(model.Settings{Policy: model.Nearest}, at(tt.places...)).Decide(IPv4)
		who := fromAddr("198.51.100.7")
		who.located = true
		if tt.name == "over the date line" {
			who.longitude = -179.9
		}
		if got := show(d.Choose(who, nil)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestNearestWithoutCoordinates(t *testing.T) {
	tier := at(model.Location{Longitude: 1}, model.Location{Longitude: 2}, model.Location{})
	tier[2].Location = nil
	r := recordOf(model.Settings{Policy: model.Nearest}, tier)
	who := &client{prefix: netip.MustParsePrefix("198.51.100.0/24")}
	d := r.Decide(IPv4)
	if c := d.Choose(who, nil); show(c) != "answer normal 1 0 1 2" || c.Scope != 24 {
		t.Errorf("without the client's: %s, scope %d", show(c), c.Scope)
	}
	who.located = true
	if c := d.Choose(who, nil); show(c) != "answer normal 1 0" || c.Scope != 24 {
		t.Errorf("with them: %s, scope %d", show(c), c.Scope)
	}
	tier[0].Addresses[0].Eligible, tier[1].Addresses[0].Eligible = false, false
	d = r.Decide(IPv4)
	if c := d.Choose(who, nil); show(c) != "answer normal 1 2" || c.Scope != 0 {
		t.Errorf("without those of the targets: %s, scope %d", show(c), c.Scope)
	}
}

// The distance is that of the haversine formula, for points all over the earth.
func TestDistanceIsHaversine(t *testing.T) {
	for lat := -90.0; lat <= 90; lat += 18 {
		for lon := -180.0; lon <= 180; lon += 24 {
			// The other target is a little nearer, or farther, than the first.
			want := kilometres(12, 34, lat, lon)
			for _, other := range []float64{0.999, 1.001} {
				degrees := want * other / 6371 * 180 / math.Pi
				if want < 1 || degrees > 78 {
					continue
				}
				tier := at(model.Location{Latitude: lat, Longitude: lon}, model.Location{Latitude: 12 + degrees, Longitude: 34})
				d := recordOf(model.Settings{Policy: model.Nearest}, tier).Decide(IPv4)
				who := fromAddr("198.51.100.7")
				who.latitude, who.longitude, who.located = 12, 34, true
				expect := "answer normal 1 0"
				if other < 1 {
					expect = "answer normal 1 1"
				}
				if got := show(d.Choose(who, nil)); got != expect {
					t.Errorf("%v %v against %v: got %s, want %s", lat, lon, other, got, expect)
				}
			}
		}
	}
}

// clock is a Meter that can be set.
type clock struct{ time.Duration }

func (c *clock) Connect() time.Duration { return c.Duration }

func TestFastest(t *testing.T) {
	tier, _ := many(3)
	var times [3]clock
	for i := range tier {
		tier[i].Text = fmt.Sprint(i)
		tier[i].Addresses[0].Meter = &times[i]
	}
	r := recordOf(model.Settings{Policy: model.Fastest}, tier)
	for _, step := range []struct {
		times   [3]time.Duration
		healthy string
		want    string
	}{
		{[3]time.Duration{0, 0, 0}, "+++", "0"},
		{[3]time.Duration{0, 0, 90}, "+++", "2"},
		{[3]time.Duration{80, 0, 90}, "+++", "2"},   // not 20% faster
		{[3]time.Duration{72, 0, 90}, "+++", "0"},   // just so
		{[3]time.Duration{90, 73, 90}, "+++", "0"},  // no
		{[3]time.Duration{90, 72, 90}, "+++", "1"},  // yes
		{[3]time.Duration{1, 72, 90}, "--+", "2"},   // it alone is eligible
		{[3]time.Duration{100, 99, 90}, "++-", "1"}, // the current one is not
		{[3]time.Duration{98, 99, 1}, "++-", "1"},
		{[3]time.Duration{98, 0, 1}, "++-", "0"}, // the current one is not known
		{[3]time.Duration{0, 0, 0}, "+++", "0"},
	} {
		for i := range tier {
			times[i].Duration = step.times[i]
			tier[i].Addresses[0].Eligible = step.healthy[i] == '+'
		}
		d := r.Decide(IPv4)
		for range 2 {
			if got := show(d.Choose(nil, nil)); got != "answer normal 1 "+step.want {
				t.Errorf("%v %s: got %s, want %s", step.times, step.healthy, got, step.want)
			}
		}
	}
}

// What trickles to the next tier, or asks for the other family, changes nothing
// for the rest.
func TestFastestRemembersByTierAndFamily(t *testing.T) {
	tiers := tiersOf("4+ 4+ 6+ 6+ | 4+ 4+")
	slow, fast := meter(100), meter(90)
	for i := range tiers {
		for j := range tiers[i] {
			tiers[i][j].Addresses[0].Meter = slow
		}
	}
	r := recordOf(model.Settings{Policy: model.Fastest, Trickle: 50}, tiers...)
	d4, d6 := r.Decide(IPv4), r.Decide(IPv6)
	first := d4.Choose(nil, nil)
	for first.Tier != 1 {
		first = d4.Choose(nil, nil)
	}
	tiers[0][1].Addresses[0].Meter = fast
	d4 = r.Decide(IPv4)
	for range 100 {
		d6.Choose(nil, nil)
		if c := d4.Choose(nil, nil); c.Tier == 1 && c.Picks[0].Target.Text != "1a" {
			t.Fatalf("moved to %s", c.Picks[0].Target.Text)
		}
	}
}

func TestFastestOfSeveralAddresses(t *testing.T) {
	tier, _ := many(2)
	tier[0].Addresses = append(tier[0].Addresses, Address{Addr: netip.MustParseAddr("192.0.2.9"), Eligible: true, Meter: meter(10)})
	tier[1].Addresses[0].Meter = meter(20)
	child := Target{Target: &model.Target{Text: "child", TargetOptions: new(model.TargetOptions)}, Record: recordOf(model.Settings{}, tier)}
	other, _ := many(1)
	other[0].Addresses[0].Meter = meter(15)
	d := recordOf(model.Settings{Policy: model.Fastest}, Tier{other[0], child}).Decide(IPv4)
	if got := show(d.Choose(nil, nil)); got != "answer normal 1 child child child" {
		t.Error(got)
	}
}

// The targets of clients are the same on every machine: these were written down
// once, and a change of the hash would move every client.
func TestStickyIsStable(t *testing.T) {
	tier, places := many(5)
	d := recordOf(model.Settings{Policy: model.Sticky}, tier).Decide(IPv4)
	for _, tt := range []struct {
		client string
		want   int
		scope  int
	}{
		{"198.51.100.7/32", 3, 24},
		{"198.51.100.200/32", 3, 24},
		{"198.51.100.0/24", 3, 24},
		{"::ffff:198.51.100.7/128", 3, 24},
		{"::ffff:198.51.100.0/120", 3, 24},
		{"198.51.101.7/32", 2, 24},
		{"198.51.102.7/32", 0, 24},
		{"198.51.0.0/16", 0, 24},
		{"2001:db8::1/128", 4, 56},
		{"2001:db8:0:ff::/64", 4, 56},
		{"2001:db8:0:100::/64", 0, 56},
	} {
		c := d.Choose(&client{prefix: netip.MustParsePrefix(tt.client)}, nil)
		if got := places[c.Picks[0].Addr]; got != tt.want || c.Scope != tt.scope {
			t.Errorf("%s: got %d, scope %d, want %d, %d", tt.client, got, c.Scope, tt.want, tt.scope)
		}
	}
	if c := d.Choose(&client{}, nil); len(c.Picks) != 1 || c.Scope != 0 {
		t.Errorf("an unknown client got %+v", c)
	}
}

// A target alone needs no client.
func TestOneTargetDependsOnNothing(t *testing.T) {
	tier, _ := many(1)
	tier[0].Location = &model.Location{}
	for _, p := range []model.Policy{model.Weighted, model.Sticky, model.Nearest, model.Fastest} {
		d := recordOf(model.Settings{Policy: p}, tier).Decide(IPv4)
		if c := d.Choose(nil, nil); len(c.Picks) != 1 || c.Scope != 0 {
			t.Errorf("%s: %+v", p, c)
		}
	}
}

// Queries choose at the same time, while decisions are made anew.
func TestRulesAreSafeForConcurrentUse(t *testing.T) {
	for _, p := range policies {
		r := recordOf(model.Settings{Policy: p, Trickle: 10, Limit: 2}, measured(5), measured(3))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				c := somebody()
				for range 200 {
					d := r.Decide(IPv4)
					for range 5 {
						if got := d.Choose(c, nil); len(got.Picks) == 0 {
							t.Errorf("%s: %+v", p, got)
						}
					}
				}
			})
		}
		wg.Wait()
	}
}
