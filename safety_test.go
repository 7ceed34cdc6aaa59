package failover

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

func TestLastEligibleTargetIsNotTaken(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	problem(t, s.act(status.Drain, status.Action{Target: "127.0.0.2"}), status.Refused, "no eligible target left for IPv4")
	problem(t, s.act(status.Force, status.Action{Target: "127.0.0.2", State: "unhealthy"}), status.Refused, "no eligible target")
	s.answers("127.0.0.2")
	s.must(status.Clear, status.Action{Target: "127.0.0.1"})
	problem(t, s.act(status.Drain, status.Action{}), status.Refused, "no eligible target")
	s.must(status.Drain, status.Action{Override: true})
	s.answers("127.0.0.1") // fail open
	if got := s.shown().State; got != "fail_open" {
		t.Errorf("the record is %s", got)
	}
	s.must(status.Clear, status.Action{})
}

// A wildcard's next that is known to have nothing eligible is not what is left.
func TestSafetyBesideAWildcardWithNext(t *testing.T) {
	f := operated(t, "failover *.example.org {\n primary next\n secondary 192.0.2.2 {\n check none\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 192.0.2.0/24\n}")
	f.Next = nextSays(dns.RcodeSuccess, "a.example.org. 60 IN A 192.0.2.1")
	ask(f, "a.example.org.", dns.TypeA)
	f.judge(map[string]verdict.Verdict{"192.0.2.1": verdict.Unhealthy})
	expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	_, err := source{}.Act("*.example.org", status.Drain, "me", status.Action{Target: "192.0.2.2", Reason: "x"})
	problem(t, err, status.Refused, "no eligible target")
}

// What answers some clients is not what is left for others.
func TestSafetyOfClients(t *testing.T) {
	f := operated(t, `failover www.example.org {
		primary 192.0.2.1 {
			clients 10.0.0.0/8
		}
		primary 192.0.2.2 {
			clients *
		}
		secondary 192.0.2.3 {
			clients 192.168.0.0/16
		}
		policy clients
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}`)
	f.set(verdict.Healthy, "192.0.2.1", "192.0.2.2", "192.0.2.3")
	_, err := source{}.Act("www.example.org", status.Drain, "me", status.Action{Target: "192.0.2.2", Reason: "x"})
	if err == nil {
		t.Errorf("drained; a client that matches nothing else is answered %s", replied(f, "www.example.org.", dns.TypeA, "198.51.100.1"))
		return
	}
	problem(t, err, status.Refused, "no eligible target")
}

// Of what only questions can tell nobody knows that it has anything in a family:
// a secondary in the other one is enough then.
func TestSafetyOfANextThatNobodyHasAskedFor(t *testing.T) {
	f := operated(t, "failover *.example.org {\n primary next\n secondary 192.0.2.2 {\n check none\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 192.0.2.0/24\n}")
	next := order{record: f.records[0], target: f.records[0].next}
	if left := next.leavesNothing(status.ForcedDrained); left != nil {
		t.Errorf("to drain next leaves nothing for %v", left.family)
	}
	f.records[0].tier(2)[0].force.Store(&status.Forced{State: status.ForcedDrained})
	if left := next.leavesNothing(status.ForcedDrained); left == nil {
		t.Error("to drain next leaves something while the secondary is drained")
	}
}

// A country is in a continent, though nobody has said in which.
func TestSafetyOfRegions(t *testing.T) {
	one, in := typical{country: "GB"}, typical{country: "GB", continent: "EU"}
	if got := kindOf("country:GB", []string{"*", "continent:EU", "country:GB"}); !slices.Equal(got, kind{one, in}) {
		t.Errorf("got %+v", got)
	}
	if got := kindOf("2001:db8::/32", nil); !slices.Equal(got, kind{typical{network: netip.MustParsePrefix("2001:db8::/32")}}) {
		t.Errorf("got %+v", got)
	}
}
