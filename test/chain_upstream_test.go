package test_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// upstream is a DNS server for forward. It has the data of a zone file for
// example.org, and counts the questions.
type upstream struct {
	address string
	data    []dns.RR
	soa     dns.RR

	mu    sync.Mutex
	asked map[string]int // by opcode, name and type
}

// startUpstream starts an upstream until the end of the test.
func startUpstream(t testing.TB, zoneFile string) *upstream {
	t.Helper()
	u := &upstream{asked: make(map[string]int)}
	parser := dns.NewZoneParser(strings.NewReader(zoneFile), "example.org.", "")
	for rr, more := parser.Next(); more; rr, more = parser.Next() {
		if rr.Header().Rrtype == dns.TypeSOA {
			u.soa = rr
		}
		u.data = append(u.data, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	ip := newIP(t)
	u.address = net.JoinHostPort(ip, freePorts(t, ip, 1)[0])
	u.serve(t, "udp")
	u.serve(t, "tcp")
	return u
}

func (u *upstream) serve(t testing.TB, network string) {
	t.Helper()
	started, ended := make(chan struct{}), make(chan error, 1)
	server := &dns.Server{
		Addr: u.address, Net: network, Handler: u, NotifyStartedFunc: func() { close(started) },
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
	}
	go func() { ended <- server.ListenAndServe() }()
	select {
	case <-started:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-ended
	})
}

// ServeDNS implements dns.Handler.
func (u *upstream) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	q := r.Question[0]
	u.count(r.Opcode, q)
	m := new(dns.Msg).SetReply(r)
	m.Rcode = dns.RcodeNameError
	for _, rr := range u.data {
		if strings.EqualFold(rr.Header().Name, q.Name) {
			m.Rcode = dns.RcodeSuccess
			if rr.Header().Rrtype == q.Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{u.soa}
	}
	_ = w.WriteMsg(m)
}

func (u *upstream) count(opcode int, q dns.Question) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked[asking(opcode, q.Name, q.Qtype)]++
}

func asking(opcode int, name string, qtype uint16) string {
	return fmt.Sprint(dns.OpcodeToString[opcode], " ", strings.ToLower(dns.Fqdn(name)), " ", dns.TypeToString[qtype])
}

// questions is how often the upstream has been asked.
func (u *upstream) questions(name string, qtype uint16) int {
	return u.messages(dns.OpcodeQuery, name, qtype)
}

// messages is how often the upstream has had a message with an opcode.
func (u *upstream) messages(opcode int, name string, qtype uint16) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked[asking(opcode, name, qtype)]
}

// silentUpstream returns the address of one that never answers.
func silentUpstream(t testing.TB) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(newIP(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}
