package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

func benchmark(b *testing.B, name string, d Decision, c Client) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		var stack [128]Pick
		for b.Loop() {
			d.Choose(c, stack[:0])
		}
	})
}

// measured returns n targets with all that policies look at.
func measured(n int) Tier {
	tier, _ := many(n)
	for i := range tier {
		tier[i].Weight = i
		tier[i].Location = &model.Location{Latitude: float64(i%90) + 1, Longitude: float64(i % 180)}
		tier[i].Addresses[0].Meter = meter(time.Duration(i+1) * time.Millisecond)
		tier[i].Clients = []string{fmt.Sprintf("10.0.%d.0/24", i), "country:DE"}
	}
	return tier
}

// somebody is a client about whom everything is known.
func somebody() *client {
	c := fromAddr("10.0.1.1")
	c.subs, c.country, c.cont = "DE-BE", "DE", "EU"
	c.latitude, c.longitude, c.located = 10, 20, true
	return c
}

var policies = []model.Policy{model.All, model.Weighted, model.Sticky, model.Clients, model.Nearest, model.Fastest}

func BenchmarkChoose(b *testing.B) {
	c := somebody()
	for _, p := range policies {
		for _, n := range []int{2, 8, 100} {
			d := recordOf(model.Settings{Policy: p}, measured(n)).Decide(IPv4)
			benchmark(b, fmt.Sprintf("%s/%d", p, n), d, c)
		}
	}
	for _, n := range []int{8, 100} {
		benchmark(b, fmt.Sprintf("limit/%d", n), recordOf(model.Settings{Limit: 4}, measured(n)).Decide(IPv4), c)
	}
	benchmark(b, "nested", nestedRecord().Decide(IPv4), c)
}

// nestedRecord is a tree: nearest, clients, weighted.
func nestedRecord() *Record {
	leaf := func() Target {
		return Target{Target: &model.Target{Text: "leaf", TargetOptions: &model.TargetOptions{Clients: []string{"10.0.0.0/8"}}}, Record: recordOf(
			model.Settings{Policy: model.Weighted}, measured(3))}
	}
	branch := Target{Target: &model.Target{Text: "branch", TargetOptions: &model.TargetOptions{EvaluateTargetHealth: true}}, Record: recordOf(
		model.Settings{Policy: model.Clients}, Tier{leaf()})}
	return recordOf(model.Settings{Policy: model.Nearest, Limit: 2}, Tier{branch, measured(1)[0]})
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{2, 100} {
		r := recordOf(model.Settings{}, measured(n), measured(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Decide(IPv4)
			}
		})
	}
}

func TestChooseDoesNotAllocate(t *testing.T) {
	records := map[string]*Record{"nested": nestedRecord()}
	for _, p := range policies {
		records[string(p)] = recordOf(model.Settings{Policy: p, Trickle: 50}, measured(12), measured(9))
		records[string(p)+", limit 4"] = recordOf(model.Settings{Policy: p, Limit: 4}, measured(100))
	}
	c := somebody()
	for name, r := range records {
		d := r.Decide(IPv4)
		n := testing.AllocsPerRun(200, func() {
			var stack [16]Pick
			if len(d.Choose(c, stack[:0]).Picks) == 0 {
				t.Fatalf("%s: nothing is chosen", name)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
