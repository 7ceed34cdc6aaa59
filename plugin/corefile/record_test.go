package corefile_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// plain is a record that says no more than it must.
func plain(name string, tiers ...model.Tier) model.Record {
	return model.Record{
		Name:  name,
		Tiers: tiers,
		Settings: &model.Settings{
			Types:      []uint16{dns.TypeA, dns.TypeAAAA},
			TTL:        model.TTL{Max: 30 * time.Second, Min: 30 * time.Second},
			Policy:     model.All,
			MinHealthy: model.MinHealthy{Count: 1},
		},
	}
}

// addr is an address target with its checks, all of which must be healthy.
func addr(text string, checks ...model.Check) model.Target {
	return model.Target{
		Text: text, Kind: model.Address, Addr: netip.MustParseAddr(text),
		TargetOptions: options(checks),
	}
}

func alias(text, name string, checks ...model.Check) model.Target {
	return model.Target{Text: text, Kind: model.Alias, Name: name, TargetOptions: options(checks)}
}

func options(checks []model.Check) *model.TargetOptions {
	return &model.TargetOptions{Checks: checks, Require: len(checks), Weight: 1}
}

// recordTests: lines of a record beside its two tiers and its check, and what
// they change.
var recordTests = []struct {
	lines string
	want  func(*model.Record)
}{
	{"", func(*model.Record) {}},
	{"limit 8", func(r *model.Record) { r.Limit = 8 }},
	{"min_healthy 1", func(*model.Record) {}},
	{"min_healthy 3\nprimary example.net next\ntier 2 a.example.net b.example.net", func(r *model.Record) {
		r.MinHealthy.Count = 3 // a target counts once, whatever it stands for
		r.Tiers[0] = append(r.Tiers[0], alias("example.net", "example.net.", httpCheck()), nextTarget(httpCheck()))
		r.Tiers[1] = append(r.Tiers[1],
			alias("a.example.net", "a.example.net.", httpCheck()), alias("b.example.net", "b.example.net.", httpCheck()))
	}},
	{"min_healthy 50%", func(r *model.Record) { r.MinHealthy = model.MinHealthy{Percent: 50} }},
	{"ttl 0", func(r *model.Record) { r.TTL = model.TTL{} }},
	{"ttl 24h", func(r *model.Record) { r.TTL = model.TTL{Max: 24 * time.Hour, Min: 24 * time.Hour} }},
	{"ttl 1m 5s", func(r *model.Record) { r.TTL = model.TTL{Max: time.Minute, Min: 5 * time.Second} }},
	{"types a", func(r *model.Record) { r.Types = []uint16{dns.TypeA} }},
	{"types aaaa MX\nprimary next", func(r *model.Record) {
		r.Types = []uint16{dns.TypeAAAA, dns.TypeMX}
		r.Tiers[0] = append(r.Tiers[0], nextTarget(httpCheck()))
	}},
	{"policy fastest", func(r *model.Record) { r.Policy = model.Fastest }},
	{"fail open", func(*model.Record) {}},
	{"fail closed", func(r *model.Record) { r.Fail = model.Fail{Mode: model.FailClosed, Rcode: dns.RcodeServerFailure} }},
	{"fail closed refused", func(r *model.Record) { r.Fail = model.Fail{Mode: model.FailClosed, Rcode: dns.RcodeRefused} }},
	{"fail closed NODATA", func(r *model.Record) { r.Fail = model.Fail{Mode: model.FailClosed} }},
	{"fail next", func(r *model.Record) { r.Fail = model.Fail{Mode: model.FailNext} }},
	{"failback auto", func(*model.Record) {}},
	{"failback after 5m", func(r *model.Record) { r.Failback = model.Failback{Mode: model.FailbackAfter, After: 5 * time.Minute} }},
	{"failback manual", func(r *model.Record) { r.Failback.Mode = model.FailbackManual }},
	{"trickle 0%", func(*model.Record) {}},
	{"trickle 5%", func(r *model.Record) { r.Trickle = 5 }},
	{"probe 192.0.2.0/24 2001:db8::/32", func(r *model.Record) {
		r.Probe = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	}},
	{"observe", func(r *model.Record) { r.Observe = true }},
	{"evaluate_target_health", func(*model.Record) {}}, // for names and next, of which there is none
	{"tier 3 192.0.2.3 192.0.2.4\ntier 1 192.0.2.5", func(r *model.Record) {
		r.Tiers[0] = append(r.Tiers[0], addr("192.0.2.5", httpCheck()))
		r.Tiers = append(r.Tiers, model.Tier{addr("192.0.2.3", httpCheck()), addr("192.0.2.4", httpCheck())})
	}},
	{"primary WWW.example.NET next {\nevaluate_target_health\n}", func(r *model.Record) {
		named := alias("WWW.example.NET", "www.example.net.", httpCheck())
		next := nextTarget(httpCheck())
		named.EvaluateTargetHealth, next.EvaluateTargetHealth = true, true
		r.Tiers[0] = append(r.Tiers[0], named, next)
	}},
	{"tier 3 weight. {\ncname\n}", func(r *model.Record) {
		named := alias("weight.", "weight.", httpCheck())
		named.CNAME = true
		r.Tiers = append(r.Tiers, model.Tier{named})
	}},
	{
		"primary 2001:DB8::7 {\nweight 0\nclients * country:DE subdivision:GB-ENG continent:EU 192.0.2.0/24\nlocation -33.9 151.2 -20\ndrain\n}",
		func(r *model.Record) {
			odd := addr("2001:db8::7", httpCheck())
			odd.Text = "2001:DB8::7"
			odd.Weight = 0
			odd.Clients = []string{"*", "country:DE", "subdivision:GB-ENG", "continent:EU", "192.0.2.0/24"}
			odd.Location = &model.Location{Latitude: -33.9, Longitude: 151.2, Bias: -20}
			odd.Drain = true
			r.Tiers[0] = append(r.Tiers[0], odd)
		},
	},
}

func TestRecord(t *testing.T) {
	for _, tt := range recordTests {
		t.Run(tt.lines, func(t *testing.T) {
			got := parseRecord(t, "primary 192.0.2.1\nsecondary 192.0.2.2\ncheck http\n"+tt.lines)
			want := plain("www.example.org.",
				model.Tier{addr("192.0.2.1", httpCheck())}, model.Tier{addr("192.0.2.2", httpCheck())})
			tt.want(&want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// healthTests: lines of a record, and for each target how many checks it has
// and how many of them must be healthy.
var healthTests = []struct {
	name, lines string
	want        [][2]int // checks, required
}{
	{"all", "primary 192.0.2.1\ncheck http\ncheck icmp", [][2]int{{2, 2}}},
	{"all said", "primary 192.0.2.1\ncheck http\ncheck icmp\nrequire all", [][2]int{{2, 2}}},
	{"any", "primary 192.0.2.1\ncheck http\ncheck icmp\nrequire any", [][2]int{{2, 1}}},
	{"number", "primary 192.0.2.1\ncheck http\ncheck icmp\ncheck tcp 1\nrequire 2", [][2]int{{3, 2}}},
	{"none", "primary 192.0.2.1\nsecondary 192.0.2.2\ncheck none", [][2]int{{0, 0}, {0, 0}}},
	{
		"none on every target", "primary 192.0.2.1 {\ncheck none\n}\nsecondary 192.0.2.2 {\ncheck none\n}",
		[][2]int{{0, 0}, {0, 0}},
	},
	{"none on the secondary", "primary 192.0.2.1\nsecondary 192.0.2.2 {\ncheck none\n}\ncheck http", [][2]int{{1, 1}, {0, 0}}},
	{"on the primary only", "primary 192.0.2.1 {\ncheck http\n}\nsecondary 192.0.2.2", [][2]int{{1, 1}, {0, 0}}},
	{
		"own checks, own require", "primary 192.0.2.1 {\ncheck http\ncheck icmp\nrequire any\n}\nsecondary 192.0.2.2\ncheck tcp 1",
		[][2]int{{2, 1}, {1, 1}},
	},
	{"own checks, the record's require", "primary 192.0.2.1 {\ncheck http\ncheck icmp\n}\ncheck tcp 1\nrequire any", [][2]int{{2, 1}}},
	{
		"the record's checks, own require",
		"primary 192.0.2.1 {\nrequire any\n}\nsecondary 192.0.2.2\ncheck http\ncheck icmp",
		[][2]int{{2, 1}, {2, 2}},
	},
	{"require of others", "primary 192.0.2.1\nsecondary 192.0.2.2 {\ncheck none\n}\ncheck http\nrequire 1", [][2]int{{1, 1}, {0, 0}}},
	{"disabled and inverted", "primary 192.0.2.1\ncheck http {\ndisabled\ninvert\n}", [][2]int{{1, 1}}},
	{"one of two disabled", "primary 192.0.2.1\ncheck http {\ndisabled\n}\ncheck icmp", [][2]int{{2, 2}}},
	{"evaluated alone", "primary www.example.net {\nevaluate_target_health\n}", [][2]int{{0, 0}}},
	{"evaluated by the record", "primary www.example.net\nsecondary 192.0.2.1\nevaluate_target_health", [][2]int{{0, 0}, {0, 0}}},
}

func TestHealth(t *testing.T) {
	for _, tt := range healthTests {
		t.Run(tt.name, func(t *testing.T) {
			var got [][2]int
			for _, tier := range parseRecord(t, tt.lines).Tiers {
				for _, target := range tier {
					got = append(got, [2]int{len(target.Checks), target.Require})
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
