package test_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// aliasOrigin is a DNS server for example.org whose data and manners a test
// changes while CoreDNS asks it.
type aliasOrigin struct {
	address string

	mu     sync.Mutex
	data   []dns.RR
	invent func(dns.Question) []dns.RR // asked first, unless it is nil
	rcode  int                         // said to everything, unless it is 0
	mute   bool                        // nothing is said at all
	gate   chan struct{}               // replies wait until it is closed; nil: they do not
	short  bool                        // CNAMEs are not followed
	secure bool                        // replies have the AD bit
	asked  map[string]int              // by opcode, name and type
}

// startAliasOrigin starts an origin with the data of a zone file, whose TTLs are
// 1 s unless it says so, until the end of the test.
func startAliasOrigin(t testing.TB, zoneFile string) *aliasOrigin {
	t.Helper()
	udp, tcp := aliasListen(t)
	o := &aliasOrigin{address: udp.LocalAddr().String(), asked: make(map[string]int)}
	o.has(t, zoneFile)
	o.serve(t, &dns.Server{PacketConn: udp})
	o.serve(t, &dns.Server{Listener: tcp})
	return o
}

// aliasListen listens at one port over UDP and TCP.
func aliasListen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	ip := newIP(t)
	for range 100 {
		udp, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close() // that port is taken for TCP
	}
	t.Fatalf("found no port of %s that is free for UDP and TCP", ip)
	return nil, nil
}

func (o *aliasOrigin) serve(t testing.TB, server *dns.Server) {
	t.Helper()
	started, ended := make(chan struct{}), make(chan error, 1)
	server.Handler, server.NotifyStartedFunc = o, func() { close(started) }
	go func() { ended <- server.ActivateAndServe() }()
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

// aliasSOA is that of every origin: its denials last 1 s.
const aliasSOA = "$ORIGIN example.org.\n$TTL 1\n@ IN SOA ns hostmaster 1 7200 3600 1209600 1\n"

// aliasZone reads a zone file for example.org.
func aliasZone(t testing.TB, zoneFile string) []dns.RR {
	t.Helper()
	var data []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(aliasSOA+zoneFile), "example.org.", "")
	for rr, more := parser.Next(); more; rr, more = parser.Next() {
		data = append(data, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	return data
}

// has gives the origin other data.
func (o *aliasOrigin) has(t testing.TB, zoneFile string) {
	t.Helper()
	data := aliasZone(t, zoneFile)
	o.set(func() { o.data = data })
}

// set changes the origin between two questions.
func (o *aliasOrigin) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

// vars are the origin for a Corefile.
func (o *aliasOrigin) vars() vars { return vars{"ORIGIN": o.address} }

// questions is how often the origin has been asked.
func (o *aliasOrigin) questions(name string, qtype uint16) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[asking(dns.OpcodeQuery, name, qtype)]
}

// awaitQuestions waits until the origin has been asked n more times.
func (o *aliasOrigin) awaitQuestions(t testing.TB, name string, qtype uint16, n int) {
	t.Helper()
	enough := o.questions(name, qtype) + n
	await(t, func() string {
		if o.questions(name, qtype) < enough {
			return "the origin is not asked for " + name
		}
		return ""
	})
}

// ServeDNS implements dns.Handler.
func (o *aliasOrigin) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	o.mu.Lock()
	q := r.Question[0]
	o.asked[asking(r.Opcode, q.Name, q.Qtype)]++
	m, mute, gate := o.reply(r), o.mute, o.gate
	o.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if !mute {
		_ = w.WriteMsg(m)
	}
}

func (o *aliasOrigin) reply(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	opt := r.IsEdns0()
	if opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	m.AuthenticatedData = o.secure
	switch q := r.Question[0]; {
	case o.rcode != 0:
		m.Rcode = o.rcode
	case o.invent != nil:
		m.Answer = o.invent(q)
	case !o.refer(m, q.Name):
		m.Authoritative = true
		o.answer(m, q.Name, q.Qtype, opt != nil && opt.Do())
	}
	return m
}

// refer makes m a referral where a part of the zone is somebody else's.
func (o *aliasOrigin) refer(m *dns.Msg, name string) bool {
	for _, rr := range o.data {
		if ns, ok := rr.(*dns.NS); ok && ns.Hdr.Name != "example.org." && dns.IsSubDomain(ns.Hdr.Name, name) {
			m.Ns = append(m.Ns, ns)
			m.Extra = append(aliasOwned(o.data, ns.Ns, dns.TypeA, false), m.Extra...)
		}
	}
	return len(m.Ns) > 0
}

// answer adds what name has of a type, and what its CNAMEs lead to.
func (o *aliasOrigin) answer(m *dns.Msg, name string, qtype uint16, signed bool) {
	for range 10 {
		found := aliasOwned(o.data, name, qtype, signed)
		cname := aliasOwned(o.data, name, dns.TypeCNAME, false)
		if len(found) > 0 || len(cname) == 0 {
			m.Answer = append(m.Answer, found...)
			o.deny(m, name, len(found))
			return
		}
		m.Answer = append(m.Answer, cname[0])
		name = cname[0].(*dns.CNAME).Target
		if o.short {
			return
		}
	}
}

// deny says what there is not.
func (o *aliasOrigin) deny(m *dns.Msg, name string, found int) {
	if found > 0 {
		return
	}
	m.Ns = append(m.Ns, o.data[0])
	for _, rr := range o.data {
		if dns.IsSubDomain(strings.ToLower(name), rr.Header().Name) {
			return
		}
	}
	m.Rcode = dns.RcodeNameError
}

// aliasOwned returns what name has of a type, and what signs that.
func aliasOwned(data []dns.RR, name string, qtype uint16, signed bool) []dns.RR {
	var found []dns.RR
	for _, rr := range data {
		sig, isSig := rr.(*dns.RRSIG)
		wanted := rr.Header().Rrtype == qtype || signed && isSig && sig.TypeCovered == qtype
		if wanted && strings.EqualFold(rr.Header().Name, name) {
			found = append(found, dns.Copy(rr))
		}
	}
	return found
}
