package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// meter is a Meter that says what it is told.
type meter time.Duration

func (m meter) Connect() time.Duration { return time.Duration(m) }

// seedOf returns the seed of a random test: that of POLICY_SEED, to run a failure
// again, or a new one.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	if s := os.Getenv("POLICY_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed
	}
	return rand.Uint64()
}

// builder makes random records.
type builder struct {
	*rand.Rand
	n int // how many targets there are
}

func oneOf[T any](b *builder, values ...T) T { return values[b.IntN(len(values))] }

func (b *builder) chance(percent int) bool { return b.IntN(100) < percent }

var clientsValues = []string{
	"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "2001:db8::/32", "2001:db8:1::/48",
	"subdivision:GB-ENG", "subdivision:GB-OXF", "country:GB", "country:DE", "continent:EU", "*",
}

func (b *builder) record(depth int) *Record {
	m := &model.Record{Settings: &model.Settings{
		Policy: oneOf(b, model.All, model.Weighted, model.Sticky, model.Clients, model.Clients, model.Nearest, model.Fastest),
		MinHealthy: oneOf(b, model.MinHealthy{Count: 1}, model.MinHealthy{Count: 1}, model.MinHealthy{Count: 2},
			model.MinHealthy{Percent: 50}, model.MinHealthy{Percent: 100}),
		Fail: oneOf(b, model.Fail{}, model.Fail{}, model.Fail{Mode: model.FailClosed, Rcode: 2},
			model.Fail{Mode: model.FailClosed}, model.Fail{Mode: model.FailNext}),
		Trickle: oneOf(b, 0, 0, 50),
	}}
	r := &Record{Start: oneOf(b, 0, 0, 1, 2, 3)}
	health := b.IntN(101) // of this record's addresses
	for range 1 + b.IntN(3) {
		var tier Tier
		var targets model.Tier
		for range 1 + b.IntN(3) {
			t := b.target(depth, health)
			tier = append(tier, t)
			targets = append(targets, *t.Target)
		}
		for i := range tier {
			tier[i].Target = &targets[i]
		}
		r.Tiers = append(r.Tiers, tier)
		m.Tiers = append(m.Tiers, targets)
	}
	r.Start = min(r.Start, len(r.Tiers))
	r.Rules = NewRules(m)
	return r
}

func (b *builder) target(depth, health int) Target {
	b.n++
	m := &model.Target{
		Text: fmt.Sprint("t", b.n),
		TargetOptions: &model.TargetOptions{
			Weight:               b.IntN(2),
			Drain:                b.chance(15),
			EvaluateTargetHealth: b.chance(50),
		},
	}
	for range 1 + b.IntN(2) {
		if v := oneOf(b, clientsValues...); !slices.Contains(m.Clients, v) {
			m.Clients = append(m.Clients, v)
		}
	}
	if b.chance(70) {
		m.Location = &model.Location{
			Latitude: b.Float64()*180 - 90, Longitude: b.Float64()*360 - 180, Bias: oneOf(b, 0, 0, 50, -50, 99, -99),
		}
	}
	t := Target{Target: m, Drained: b.chance(10)}
	if depth > 0 && b.chance(35) {
		t.Record = b.record(depth - 1)
		health := oneOf(b, 100, 100, health)
		for _, tier := range t.Record.Tiers {
			for _, within := range tier {
				for _, a := range within.Addresses {
					t.Addresses = append(t.Addresses, b.address(a.Addr, health))
				}
			}
		}
		return t
	}
	families := oneOf(b, "4", "4", "6", "46", "44", "466")
	for i := range families {
		addr := netip.AddrFrom4([4]byte{192, 0, byte(b.n), byte(i)})
		if families[i] == '6' {
			addr = netip.AddrFrom16([16]byte{0x20, 1, 14: byte(b.n), 15: byte(i)})
		}
		t.Addresses = append(t.Addresses, b.address(addr, health))
	}
	if b.chance(2) {
		t.Addresses = nil // an alias that has nothing
	}
	return t
}

func (b *builder) address(addr netip.Addr, health int) Address {
	a := Address{Addr: addr, Eligible: b.chance(health)}
	if b.chance(80) {
		a.Meter = meter(b.IntN(1000000))
	}
	return a
}

func (b *builder) client() *client {
	return &client{
		prefix: netip.MustParsePrefix(oneOf(b, "10.1.1.1/32", "10.1.2.0/24", "10.1.0.0/16", "10.7.0.0/16", "8.0.0.0/6",
			"203.0.113.9/32", "2001:db8::1/128", "2001:db8:1::/56", "2001:db8:1::/40", "fd00::1/128")),
		subs:     oneOf(b, "", "GB-ENG", "GB-ENG,GB-OXF", "DE-BE"),
		country:  oneOf(b, "", "GB", "DE", "FR"),
		cont:     oneOf(b, "", "EU", "AS"),
		latitude: b.Float64()*180 - 90, longitude: b.Float64()*360 - 180,
		located: b.chance(80),
	}
}

func answerOf(c Choice) string {
	o := outcome{kind: c.Kind, state: c.State, tier: c.Tier}
	for _, p := range c.Picks {
		o.picks = append(o.picks, p.Target.Text+"="+p.Addr.String())
	}
	return o.String()
}

func shown(outcomes []outcome) []string {
	var all []string
	for _, o := range outcomes {
		all = append(all, o.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// describe shows a record for whoever has to find out what went wrong.
func describe(r *Record, indent string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s%s start %d min %+v fail %+v trickle %d\n", indent, r.Policy, r.Start, r.MinHealthy, r.Fail, r.Trickle)
	for i, tier := range r.Tiers {
		for _, t := range tier {
			fmt.Fprintf(&s, "%s  tier %d %s weight %d drain %v %v evaluate %v clients %v location %v",
				indent, i+1, t.Text, t.Weight, t.Drain, t.Drained, t.EvaluateTargetHealth, t.Clients, t.Location)
			for _, a := range t.Addresses {
				fmt.Fprintf(&s, " %v:%v:%v", a.Addr, a.Eligible, a.Meter)
			}
			s.WriteString("\n")
			if t.Record != nil {
				s.WriteString(describe(t.Record, indent+"    "))
			}
		}
	}
	return s.String()
}

// Whatever a record answers is possible by the table, and whatever is possible by
// the table comes up: a chain of choices of three has odds of 1/3 each at least,
// and 3000 draws miss one of 1/108 with odds of 1e-12.
func TestDecisionsAreThoseOfTheTable(t *testing.T) {
	const cases, draws = 6000, 3000
	for range cases {
		seed := seedOf(t)
		b := &builder{Rand: rand.New(rand.NewPCG(seed, 0))}
		r := b.record(b.IntN(3))
		f := oneOf(b, IPv4, IPv4, IPv6, Any)
		in := answerer{r, nil, f}
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("POLICY_SEED=%d, %v:\n%s%s", seed, f, describe(r, ""), fmt.Sprintf(format, args...))
		}
		d := r.Decide(f)
		if l := in.line(nil); d.Kind != l.kind || d.State != l.state || int(d.Tier) != l.tier {
			fail("decided %v %v %d, want %v %v %d", d.Kind, d.State, d.Tier, l.kind, l.state, l.tier)
		}
		if got, want := r.Eligible(f), in.stops(); !slices.Equal(got, want) {
			fail("eligible %v, want %v", got, want)
		}
		c := b.client()
		want := shown(in.possible(c))
		missing := slices.Clone(want)
		for n := 0; n < 20 || len(missing) > 0 && n < draws && !dependsOnHash(r); n++ {
			got := answerOf(d.Choose(c, nil))
			if !slices.Contains(want, got) {
				fail("client %+v got %s, want one of\n%s", c, got, strings.Join(want, "\n"))
			}
			missing = slices.DeleteFunc(missing, func(s string) bool { return s == got })
		}
		if len(missing) > 0 && len(want) < 30 && !dependsOnHash(r) {
			fail("client %+v never got\n%s\nof\n%s", c, strings.Join(missing, "\n"), strings.Join(want, "\n"))
		}
	}
}

// dependsOnHash reports whether what is possible by the table is not so for one
// client: policy sticky gives it the same target always.
func dependsOnHash(r *Record) bool {
	for _, tier := range r.Tiers {
		for _, t := range tier {
			if t.Record != nil && dependsOnHash(t.Record) {
				return true
			}
		}
	}
	return r.Policy == model.Sticky
}
