package test_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// slowDNS is a DNS server that takes its time, which is the connect time that a
// check of type dns measures: on loopback that of TCP can not be influenced.
type slowDNS struct {
	ip, port string
	delay    atomic.Int64 // time.Duration
	asked    atomic.Int64
}

func startSlowDNS(t testing.TB, delay time.Duration) *slowDNS {
	t.Helper()
	d := &slowDNS{ip: newIP(t)}
	d.take(delay)
	conn, err := net.ListenPacket("udp", net.JoinHostPort(d.ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	_, d.port, _ = net.SplitHostPort(conn.LocalAddr().String())
	server := &dns.Server{PacketConn: conn, Handler: d}
	ended := make(chan struct{})
	ready := make(chan struct{})
	server.NotifyStartedFunc = func() { close(ready) }
	go func() {
		defer close(ended)
		_ = server.ActivateAndServe()
	}()
	<-ready
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-ended
	})
	return d
}

// take changes how long a reply takes.
func (d *slowDNS) take(delay time.Duration) { d.delay.Store(int64(delay)) }

// ServeDNS implements dns.Handler.
func (d *slowDNS) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	delay := time.Duration(d.delay.Load())
	d.asked.Add(1)
	time.Sleep(delay)
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1},
		Txt: []string{"fine"},
	}}
	_ = w.WriteMsg(m)
}

// primary is the target in a Corefile.
func (d *slowDNS) primary() string {
	return fmt.Sprintf(`
    primary %s {
        check dns %s health.example.net TXT {
            interval 600ms
            fast_interval 100ms
        }
    }
`, d.ip, d.port)
}

// The target that replies in the shortest time is answered. One that is faster
// by less than a fifth does not take its place, whoever answers now.
func TestPolicyFastest(t *testing.T) {
	t.Parallel()
	const short, alike, long = 200 * time.Millisecond, 215 * time.Millisecond, 400 * time.Millisecond
	slow, quick := startSlowDNS(t, long), startSlowDNS(t, short)
	s := start(t, zone(policyRecord("www.example.org", "fastest", slow.primary()+quick.primary())))
	mustHold := func(one *slowDNS) {
		t.Helper()
		awaitAnswer(t, s, "www.example.org", dns.TypeA, one.ip)
		enough := slow.asked.Load() + 5
		await(t, func() string {
			if got := s.ask(t, "www.example.org", dns.TypeA); got != one.ip {
				t.Fatalf("the answer changes to %s, want %s", got, one.ip)
			}
			if slow.asked.Load() < enough {
				return "there are too few probes"
			}
			return ""
		})
	}
	mustHold(quick)
	quick.take(alike)
	slow.take(short) // faster by 7%
	mustHold(quick)
	quick.take(long)
	mustHold(slow)
	quick.take(short)
	slow.take(alike)
	mustHold(slow)
	quick.take(short / 4)
	mustHold(quick)
}
