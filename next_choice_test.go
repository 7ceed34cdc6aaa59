package failover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// tally counts the answers to n questions.
func tally(f *Failover, qname string, n int) map[string]int {
	got := map[string]int{}
	for range n {
		got[summary(ask(f, qname, dns.TypeA))]++
	}
	return got
}

// About half of 1000: nine standard deviations are 142.
func half(n int) bool { return 350 < n && n < 650 }

const withNext = "failover www.example.org {\n %s\n probe 127.0.0.0/8\n check tcp 80\n}"

// What is chosen before next is asked must not be chosen again afterwards.
func TestChanceIsTakenOnceWithNext(t *testing.T) {
	const next, second = "NOERROR 127.0.1.1", "NOERROR 127.0.2.2"
	tests := []struct {
		name, record string
		ok           func(map[string]int) bool
	}{
		{"trickle from it", "primary next\nsecondary 127.0.2.2\ntrickle 50%", func(got map[string]int) bool {
			return half(got[next]) && half(got[second])
		}},
		{"trickle to it", "primary 127.0.2.2\nsecondary next\ntier 3 127.0.2.3\ntrickle 50%", func(got map[string]int) bool {
			return half(got[next]) && half(got[second])
		}},
		{"weighted", "primary next 127.0.2.2\npolicy weighted", func(got map[string]int) bool {
			return half(got[next]) && half(got[second])
		}},
		{"min_healthy", "primary next 127.0.2.2\nsecondary 127.0.2.8 127.0.2.9\npolicy weighted\nmin_healthy 2", func(got map[string]int) bool {
			return half(got[next]) && half(got[second])
		}},
		{"limit", "primary next 127.0.2.1 127.0.2.2 127.0.2.3\nlimit 2", func(got map[string]int) bool {
			n := 0
			for answer, times := range got {
				if strings.Contains(answer, "127.0.1.1") {
					n += times
				}
			}
			return half(n)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := handlerOf(t, fmt.Sprintf(withNext, tt.record))
			f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1")
			if got := tally(f, "www.example.org.", 1000); !tt.ok(got) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A tier may be eligible only because of next, though that is not picked.
func TestMinHealthyWithNextDown(t *testing.T) {
	f := handlerOf(t, fmt.Sprintf(withNext, "primary next 127.0.2.1\nsecondary 127.0.2.2 127.0.2.3\npolicy weighted\nmin_healthy 2"))
	stand(f, "next", "127.0.1.1")
	f.set(verdict.Unhealthy, "next")
	f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1")
	if got := tally(f, "www.example.org.", 100); got["NOERROR 127.0.2.1"] > 0 {
		t.Errorf("got %v", got)
	}
}

// timed is the health of a check that connects in that time.
type timed struct {
	fixed
	connect time.Duration
}

func (m timed) Connect() time.Duration { return m.connect }

func TestFastestNext(t *testing.T) {
	f := handlerOf(t, fmt.Sprintf(withNext, "primary next 127.0.2.1\npolicy fastest"))
	stand(f, "next", "127.0.1.1")
	f.records[0].next.list()[0].checks[0] = timed{fixed(verdict.Healthy), time.Millisecond}
	f.records[0].targets[1].list()[0].checks[0] = timed{fixed(verdict.Healthy), time.Second}
	update(f.records[0])
	f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.1.1")
}

func TestAnAddressIsAnsweredOnceBesideNext(t *testing.T) {
	f := handlerOf(t, fmt.Sprintf(withNext, "primary next lb.example.net 127.0.2.1"))
	stand(f, "lb.example.net", "127.0.2.1")
	f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1")
	got := summary(ask(f, "www.example.org.", dns.TypeA))
	if strings.Count(got, "127.0.2.1") != 1 || strings.Count(got, "127.0.1.1") != 1 {
		t.Errorf("got %s", got)
	}
}

// askFrom asks as a client in that network.
func askFrom(f *Failover, qname string, qtype uint16, network string) *dns.Msg {
	p := netip.MustParsePrefix(network)
	q := new(dns.Msg).SetQuestion(qname, qtype).SetEdns0(1232, false)
	q.IsEdns0().Option = append(q.IsEdns0().Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: net.IP(p.Addr().AsSlice()),
	})
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	if _, err := f.ServeDNS(context.Background(), w, q); err != nil {
		panic(err)
	}
	return w.Msg
}

func expectScope(t *testing.T, m *dns.Msg, want uint8) {
	t.Helper()
	if s := subnetOf(m); s == nil || s.SourceScope != want {
		t.Errorf("good for %v, want a scope of %d, in\n%v", s, want, m)
	}
}

// What passes as it is passes for those clients only for whom next was chosen.
func TestScopeOfWhatPasses(t *testing.T) {
	f := handlerOf(t, `failover *.zone.example.org {
		primary next {
			clients 127.1.0.0/16
		}
		primary 127.0.2.1 {
			clients *
		}
		policy clients
		probe 127.0.0.0/8
		check tcp 80
	}`)
	f.Next = nextSays(dns.RcodeNameError, "example.org. 60 IN SOA ns. me. 1 2 3 4 5")
	expectScope(t, askFrom(f, "a.zone.example.org.", dns.TypeA, "127.1.1.0/24"), 16)

	f = handlerOf(t, `failover www.example.org {
		primary 127.0.2.1 {
			clients 127.1.0.0/16
		}
		secondary lb.example.net {
			cname
			clients *
		}
		policy clients
		check tcp 80
	}`)
	f.Next = newZone(t, "www.example.org. 9 IN MX 1 mail.", "lb.example.net. 9 IN MX 1 lb.")
	expectScope(t, askFrom(f, "www.example.org.", dns.TypeMX, "127.1.1.0/24"), 16)
}

// The next plugins may have nothing for one network only.
func TestScopeOfADenial(t *testing.T) {
	f := handlerOf(t, nexts4)
	f.Next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r).SetEdns0(1232, false)
		s := *subnetOf(r)
		s.SourceScope = 24
		m.IsEdns0().Option = append(m.IsEdns0().Option, &s)
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
	expectScope(t, askFrom(f, "www.example.org.", dns.TypeA, "127.1.1.0/24"), 24)
}

// A denial is never good for longer than it was, and a signature of its SOA
// stays right.
func TestDenialsOfOtherTypesKeepTheirTTL(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary next\n types A MX\n check tcp 25\n}")
	f.Next = nextSays(dns.RcodeSuccess, "example.org. 1 IN SOA ns. me. 1 2 3 4 300")
	if m, _, _ := ask(f, "www.example.org.", dns.TypeMX); m.Ns[0].Header().Ttl != 1 {
		t.Errorf("got\n%v", m)
	}
	soa, _ := dns.NewRR("example.org. 3600 IN SOA ns. me. 1 2 3 4 300")
	sig, _ := dns.NewRR("example.org. 3600 IN RRSIG SOA 13 2 3600 20300101000000 20200101000000 1 example.org. AAAA")
	f.Next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r)
		m.Ns = []dns.RR{soa, sig}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
	if m, _, _ := ask(f, "www.example.org.", dns.TypeMX); m.Ns[0].(*dns.SOA).Minttl != 300 || m.Ns[0].Header().Ttl != 30 {
		t.Errorf("got\n%v", m)
	}
}
