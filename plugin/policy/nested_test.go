package policy_test

import (
	"net/netip"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/policy"
)

// aliasOf returns a target that stands for r, whose own checks find those
// addresses unhealthy.
func aliasOf(r *Record, evaluate bool, unhealthy ...string) Target {
	t := Target{Target: &model.Target{Text: "alias", TargetOptions: &model.TargetOptions{EvaluateTargetHealth: evaluate}}, Record: r}
	for _, tier := range r.Tiers {
		for _, within := range tier {
			for _, a := range within.Addresses {
				a.Eligible = true
				for _, bad := range unhealthy {
					a.Eligible = a.Eligible && a.Addr != netip.MustParseAddr(bad)
				}
				t.Addresses = append(t.Addresses, a)
			}
		}
	}
	return t
}

// Topic "Values specific for alias records": with "evaluate target health" an
// alias is healthy when a record that it refers to is; without it, always.
func TestNested(t *testing.T) {
	closed := model.Fail{Mode: model.FailClosed, Rcode: 2}
	for _, tt := range []struct {
		name      string
		tiers     string
		fail      model.Fail
		evaluate  bool
		unhealthy []string
		want      string
	}{
		{"healthy", "4+ | 4+", model.Fail{}, true, nil, "answer normal 1 alias"},
		{"failed over", "4- | 4+", model.Fail{}, true, nil, "answer normal 1 alias"},
		{"nothing eligible", "4- | 4-", model.Fail{}, true, nil, "answer failed_over 2 2a"},
		{"nothing eligible, not evaluated", "4- | 4-", model.Fail{}, false, nil, "answer normal 1 alias"},
		{"fail closed", "4- | 4-", closed, false, nil, "answer failed_over 2 2a"},
		{"nothing of the family", "6+ | 6+", model.Fail{}, false, nil, "nodata normal 1"},
		{"nothing of the family, evaluated", "6- | 6-", model.Fail{}, true, nil, "answer failed_over 2 2a"},
		// The outer checks: what is left of the decision, or another decision.
		{"some found unhealthy", "4+ 4+ | 4+", model.Fail{}, false, []string{"192.0.0.0"}, "answer normal 1 alias"},
		{"all found unhealthy", "4+ | 4+", model.Fail{}, false, []string{"192.0.0.0"}, "answer failed_over 2 2a"},
		{"all found unhealthy, evaluated", "4+ | 4+", model.Fail{}, true, []string{"192.0.0.0"}, "answer normal 1 alias"},
		{"everything found unhealthy, evaluated", "4+ | 4+", closed, true, []string{"192.0.0.0", "192.0.1.0"}, "answer failed_over 2 2a"},
	} {
		child := recordOf(model.Settings{Fail: tt.fail}, tiersOf(tt.tiers)...)
		standby := tiersOf("4- | 4+")[1]
		r := recordOf(model.Settings{}, Tier{aliasOf(child, tt.evaluate, tt.unhealthy...)}, standby)
		if got := decideAndChoose(r, IPv4); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Where the alias's own checks fail and nothing else is eligible, the last resort
// is what the record answers by itself.
func TestLastResortOfAnAlias(t *testing.T) {
	child := recordOf(model.Settings{}, tiersOf("4+ | 4+")...)
	for _, evaluate := range []bool{false, true} {
		alias := aliasOf(child, evaluate, "192.0.0.0", "192.0.1.0")
		d := recordOf(model.Settings{}, Tier{alias}).Decide(IPv4)
		if c := d.Choose(nil, nil); show(c) != "answer fail_open 1 alias" || c.Picks[0].Addr.String() != "192.0.0.0" {
			t.Errorf("%s %v", show(c), c.Picks)
		}
	}
}

// A client to whom the alias's record has nothing healthy is answered from the
// next tier, though the alias is eligible: to others it has.
func TestNestedClients(t *testing.T) {
	tier := clientsTier(0, []string{"10.0.0.0/8"}, []string{"11.0.0.0/8"})
	tier[1].Addresses[0].Eligible = false
	child := recordOf(model.Settings{Policy: model.Clients}, tier)
	standby := tiersOf("4- | 4+")[1]
	for _, tt := range []struct {
		evaluate bool
		client   string
		want     string
		scope    int
	}{
		{true, "10.1.1.1", "answer normal 1 alias", 8},
		{true, "11.1.1.1", "answer failed_over 2 2a", 8},
		{true, "12.1.1.1", "answer failed_over 2 2a", 6},
		{false, "11.1.1.1", "answer normal 1 alias", 8}, // fail open
	} {
		d := recordOf(model.Settings{}, Tier{aliasOf(child, tt.evaluate)}, standby).Decide(IPv4)
		if c := d.Choose(fromAddr(tt.client), nil); show(c) != tt.want || c.Scope != tt.scope {
			t.Errorf("%s: got %s, scope %d, want %s, %d", tt.client, show(c), c.Scope, tt.want, tt.scope)
		}
	}
}

// The scope is the longest on the path: 17 bits tell the networks, 24 the sticky
// target.
func TestScopeOfNestedRecords(t *testing.T) {
	sticky := Target{Target: &model.Target{Text: "sticky", TargetOptions: &model.TargetOptions{Clients: []string{"10.0.0.0/16"}}}}
	tier, _ := many(3)
	sticky.Record = recordOf(model.Settings{Policy: model.Sticky}, tier)
	other := clientsTier(1, []string{"10.1.0.0/17"})[0]
	d := recordOf(model.Settings{Policy: model.Clients}, Tier{sticky, other}).Decide(IPv4)
	for who, scope := range map[string]int{"10.0.1.1": 24, "10.1.1.1": 17} {
		if c := d.Choose(fromAddr(who), nil); c.Scope != scope {
			t.Errorf("%s: scope %d, want %d", who, c.Scope, scope)
		}
	}
}

// An alias that evaluates health may have something for a client to whom its
// record has nothing by itself: here an IPv6 target of the client's keeps it from
// the second tier, until the alias's own check finds that target unhealthy. Then
// the alias is there for the client like any other target.
func TestNestedClientsByHealthAlone(t *testing.T) {
	mine, theirs := []string{"10.0.0.0/8"}, []string{"11.0.0.0/8"}
	tiers := tiersOf("6+ 4+ | 4+")
	tiers[0][0].Clients, tiers[0][1].Clients, tiers[1][0].Clients = mine, theirs, mine
	child := recordOf(model.Settings{Policy: model.Clients}, tiers...)
	six := tiersOf("6+")[0]
	six[0].Clients = mine
	for _, tt := range []struct {
		name      string
		above     []Tier
		unhealthy []string
		want      string
	}{
		{"nothing", nil, nil, "nodata normal 0"},
		{"nothing, below a tier of IPv6", []Tier{six}, nil, "nodata normal 0"},
		{"by health", nil, []string{"2001:db8::"}, "answer normal 1 alias"},
		{"by health, below a tier of IPv6", []Tier{six}, []string{"2001:db8::"}, "nodata normal 1"},
	} {
		alias := aliasOf(child, true, tt.unhealthy...)
		alias.Clients = mine
		d := recordOf(model.Settings{Policy: model.Clients}, append(tt.above, Tier{alias})...).Decide(IPv4)
		if got := show(d.Choose(fromAddr("10.1.1.1"), nil)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
