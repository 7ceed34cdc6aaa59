package failover

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// What is below is decided before what is above, and each but once, however many
// ways lead up.
func TestParentsAreDecidedOnce(t *testing.T) {
	const depth = 12
	var b strings.Builder
	for i := range depth {
		for _, side := range []string{"a", "b"} {
			fmt.Fprintf(&b, "failover %s%d.example.org {\n primary a%d.example.org {\n %s\n }\n"+
				" secondary b%d.example.org\n check none\n}\n", side, i, i+1, "evaluate_target_health", i+1)
		}
	}
	fmt.Fprintf(&b, "failover a%d.example.org b%d.example.org {\n primary 127.0.0.1\n check tcp 80\n}\n", depth, depth)
	block := parsed(b.String())
	all := withParents(block.records[len(block.records)-1])
	if len(all) != 2*depth+1 {
		t.Errorf("%d records, want %d", len(all), 2*depth+1)
	}
	for i := range all[1:] {
		if all[i].height > all[i+1].height {
			t.Errorf("%s is decided before %s", all[i].Name, all[i+1].Name)
		}
	}
}

// Two names of a record may change at the same time.
func TestParentsStandForWhatIsNow(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary eu.example.org\n check tcp 80\n}\n"+
		"failover eu.example.org {\n primary a.example.net b.example.net\n check tcp 81\n}")
	parent := &f.records[0].targets[0]
	for i := range 2000 {
		var both sync.WaitGroup
		for j := range f.records[1].targets {
			one := &f.records[1].targets[j]
			both.Go(func() {
				one.stand([]netip.Addr{netip.AddrFrom4([4]byte{127, byte(j + 1), byte(i >> 8), byte(i)})})
				adopt(one.record)
			})
		}
		both.Wait()
		for _, addr := range f.records[1].addrs() {
			if parent.find(addr) == nil {
				t.Fatalf("round %d: %v is below, %v above", i, f.records[1].addrs(), parent.list())
			}
		}
	}
}

// A record that may answer with a CNAME holds one tier for all types.
func TestAHoldCountsForParents(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary eu.example.org
		secondary 127.0.2.9
		check none
	}
	failover eu.example.org {
		primary 127.0.2.1
		secondary lb.example.net {
			cname
		}
		failback after 1h
		check tcp 80
	}`)
	stand(f, "lb.example.net", "127.0.2.2")
	f.set(verdict.Healthy, "127.0.2.1", "lb.example.net")
	f.set(verdict.Unhealthy, "127.0.2.1")
	f.set(verdict.Healthy, "127.0.2.1")
	expectAnswer(t, f, "eu.example.org.", dns.TypeCNAME, "NOERROR lb.example.net.")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
}

// What answers while an alias is not resolved answers for want of knowledge.
func TestNothingIsHeldBeforeAnAliasIsResolved(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary lb.example.net
		secondary 127.0.2.2
		failback after 1h
		check tcp 80
	}`)
	f.Next = newZone(t, "lb.example.net. 300 IN A 127.0.2.1")
	start(t, f)
	f.records[0].targets[0].naming.name.Now(t.Context())
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
}

// Clients may differ in their tier because of a record below.
func TestNextBehindARecordForSomeClients(t *testing.T) {
	f := handlerOf(t, `failover *.zone.example.org {
		primary eu.example.org
		secondary next
		probe 127.0.0.0/8
		check tcp 80
	}
	failover eu.example.org {
		policy clients
		primary 127.0.2.1 {
			clients 127.0.9.0/24
		}
		check tcp 80
	}`)
	f.Next = nextSays(dns.RcodeSuccess, "a.zone.example.org. 9 IN A 127.0.1.1")
	expectAnswer(t, f, "a.zone.example.org.", dns.TypeA, "NOERROR 127.0.1.1")
}

// soon is the health of a check whose verdict may change in two seconds.
type soon struct{ fixed }

func (soon) Horizon() time.Time { return time.Now().Add(2 * time.Second) }

func TestTTLSeesAheadOfWhatWasLearned(t *testing.T) {
	f := handlerOf(t, "failover *.zone.example.org {\n primary next\n probe 127.0.0.0/8\n ttl 30s 1s\n check tcp 80\n}")
	f.Next = nextSays(dns.RcodeSuccess, "a.zone.example.org. 300 IN A 127.0.1.1")
	ask(f, "a.zone.example.org.", dns.TypeA)
	f.learned.all()[0].checks[0] = soon{fixed(verdict.Healthy)}
	m, _, _ := ask(f, "a.zone.example.org.", dns.TypeA)
	if ttl := m.Answer[0].Header().Ttl; ttl > 2 {
		t.Errorf("TTL %d although the verdict may change in 2 s", ttl)
	}
}
