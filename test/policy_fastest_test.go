package test_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// slowDNS is a DNS server that takes its time, which is the connect time that a
// check of type dns measures: on loopback that of TCP can not be influenced.
type slowDNS struct {
	ip, port string
	delay    atomic.Int64 // time.Duration
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
	time.Sleep(time.Duration(d.delay.Load())) //nolint:forbidigo // a server that is slow
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
	s := start(t, operated("admin {$IP}:0", policyRecord("www.example.org", "fastest", slow.primary()+quick.primary())))
	anybody := s.operator(t).with("")
	// stays awaits that the other one is the faster of both, on average.
	stays := func(one *slowDNS) bool {
		t.Helper()
		changed := false
		await(t, func() string {
			if changed = s.ask(t, "www.example.org", dns.TypeA) != one.ip; changed {
				return ""
			}
			var e status.Explanation
			anybody.mustDo(t, http.MethodGet, "/v1/records/www.example.org/explain", nil, &e)
			for _, step := range e.Steps {
				if strings.Contains(step.Text, "policy fastest stays with "+one.ip) {
					return ""
				}
			}
			return fmt.Sprintf("%s is the faster one: %+v", one.ip, e.Steps)
		})
		return !changed
	}
	// mustStay tries again after a change: one reply that the machine holds up for
	// long enough is reason for it.
	mustStay := func(one, other *slowDNS) {
		t.Helper()
		for range 3 {
			one.take(short)
			other.take(long)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, one.ip)
			one.take(alike)
			other.take(short) // faster by 7%
			if stays(one) {
				return
			}
		}
		t.Errorf("each time the answer changes from %s to %s", one.ip, other.ip)
	}
	mustStay(quick, slow)
	mustStay(slow, quick)
	quick.take(short / 4)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, quick.ip)
}
