package failover

import (
	"testing"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// A resolver that knew where a flattened name leads would go around the record.
func TestAFlattenedNameShowsNoCNAME(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary lb.example.net
		secondary alt.example.net {
			cname
		}
		check tcp 80
	}`)
	f.Next = newZone(t, "lb.example.net. 9 IN CNAME c.example.net.", "c.example.net. 9 IN A 127.0.2.1")
	stand(f, "lb.example.net", "127.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeCNAME, "NOERROR SOA example.org. 30/30")
}

// The choice for all types is the tier's: within it each family has its own.
func TestFamiliesOfATierBesideACNAME(t *testing.T) {
	for _, how := range []string{"limit 1", "policy weighted", "trickle 0%"} {
		f := handlerOf(t, `failover www.example.org {
			primary 127.0.2.1 ::1
			secondary lb.example.net {
				cname
			}
			`+how+`
			check tcp 80
		}`)
		f.Next = newZone(t)
		if got := tally(f, "www.example.org.", 100); got["NOERROR 127.0.2.1"] != 100 {
			t.Errorf("%s: %v", how, got)
		}
	}
}

// A CNAME to a record can be given before that has been resolved.
func TestACNAMEToAnUnresolvedRecord(t *testing.T) {
	for _, more := range []string{"", "secondary 127.0.2.9"} {
		f := handlerOf(t, `failover www.example.org {
			primary eu.example.org {
				cname
			}
			`+more+`
			check tcp 80
		}
		failover eu.example.org {
			primary lb.example.net
			check tcp 80
		}`)
		f.Next = newZone(t, "lb.example.net. 9 IN A 127.0.2.1")
		start(t, f)
		expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR eu.example.org. 127.0.2.1")
	}
}

// A name of services has no addresses, with a CNAME or without.
func TestACNAMEToANameWithoutAddresses(t *testing.T) {
	f := handlerOf(t, `failover _sip._tcp.example.org {
		primary _sip._tcp.example.net {
			cname
		}
		types SRV
		check none
	}`)
	f.Next = newZone(t, "_sip._tcp.example.net. 9 IN SRV 1 2 5060 sip.example.net.")
	start(t, f)
	if f.records[0].targets[0].naming != nil {
		t.Error("addresses are looked for that nobody needs")
	}
	expectAnswer(t, f, "_sip._tcp.example.org.", dns.TypeSRV, "NOERROR _sip._tcp.example.net. 1 2 5060 sip.example.net.")
}

const overEU = `failover www.example.org {
	primary eu.example.org
	secondary lb.example.net {
		cname
	}
	check none
}
failover eu.example.org {
	primary `

// A record below chooses for each family, and this one for all types.
func TestHoldsAndTTLsBelowACNAME(t *testing.T) {
	f := handlerOf(t, overEU+"127.0.2.1\n secondary 127.0.2.2\n failback after 1h\n check tcp 80\n}")
	f.set(verdict.Healthy, "127.0.2.1", "127.0.2.2")
	f.set(verdict.Unhealthy, "127.0.2.1")
	f.set(verdict.Healthy, "127.0.2.1")
	expectAnswer(t, f, "eu.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")

	f = handlerOf(t, overEU+"a.example.net\n check tcp 80\n}")
	f.Next = newZone(t, "a.example.net. 3 IN A 127.0.2.1", "lb.example.net. 3 IN A 127.0.2.7")
	start(t, f)
	awaitSummary(t, f, "www.example.org.", "NOERROR 127.0.2.1")
	if m, _, _ := ask(f, "www.example.org.", dns.TypeA); m.Answer[0].Header().Ttl > 3 {
		t.Errorf("got\n%v", m)
	}
}

// Types that the record answers only with a CNAME fail with nothing else of it,
// and count for none of its tiers.
func TestTypesForTheSakeOfACNAME(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary 127.0.2.1
		secondary lb.example.net {
			cname
		}
		fail closed
		check tcp 80
	}`)
	f.Next = nextSays(dns.RcodeSuccess, "www.example.org. 9 IN MX 1 mail.")
	stand(f, "lb.example.net", "127.0.2.7")
	expectAnswer(t, f, "www.example.org.", dns.TypeMX, "NOERROR 1 mail.")
	if n := f.records[0].counter(1).Load(); n != 0 {
		t.Errorf("%d answers of the primary", n)
	}
	f.set(verdict.Unhealthy, "127.0.2.1", "lb.example.net")
	expectAnswer(t, f, "www.example.org.", dns.TypeMX, "NOERROR 1 mail.")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "unwritten SERVFAIL <nil>")
}
