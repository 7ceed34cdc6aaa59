package probe_test

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// dnsCheck is a check as package corefile makes it of "check dns PORT NAME".
func dnsCheck(server netip.AddrPort) model.Check {
	return model.Check{
		Type:     model.DNS,
		Port:     server.Port(),
		Request:  model.Request{Name: "www.example.org.", QueryType: dns.TypeA},
		Schedule: model.Schedule{Timeout: patience},
	}
}

// serveUDP answers each datagram with those that respond returns.
func serveUDP(t testing.TB, respond func(query []byte) [][]byte) netip.AddrPort {
	t.Helper()
	return answerUDP(t, must(net.ListenPacket("udp", "127.0.0.1:0")), respond)
}

func answerUDP(t testing.TB, socket net.PacketConn, respond func(query []byte) [][]byte) netip.AddrPort {
	t.Helper()
	var running sync.WaitGroup
	running.Go(func() {
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			for _, reply := range respond(buffer[:n]) {
				socket.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() {
		socket.Close()
		running.Wait()
	})
	return socket.LocalAddr().(*net.UDPAddr).AddrPort()
}

// messages makes replies of a query.
func messages(replies ...func(*dns.Msg)) func([]byte) [][]byte {
	return func(wire []byte) [][]byte {
		var packed [][]byte
		for _, change := range replies {
			query, reply := new(dns.Msg), new(dns.Msg)
			if err := query.Unpack(wire); err != nil {
				panic(err)
			}
			reply.SetReply(query)
			reply.Answer = []dns.RR{must(dns.NewRR(query.Question[0].Name + " 5 IN A 192.0.2.1"))}
			change(reply)
			packed = append(packed, must(reply.Pack()))
		}
		return packed
	}
}

func right(*dns.Msg)       {}
func empty(reply *dns.Msg) { reply.Answer = nil }
func rcode(rcode int) func(*dns.Msg) {
	return func(reply *dns.Msg) { reply.Rcode, reply.Answer = rcode, nil }
}
func questionless(m *dns.Msg)                 { m.Question = nil }
func both(a, b func(*dns.Msg)) func(*dns.Msg) { return func(m *dns.Msg) { a(m); b(m) } }

// cut is a reply that breaks off: its header says more than there is.
func cut(wire []byte) [][]byte {
	reply := messages(right)(wire)[0]
	return [][]byte{reply[:len(reply)-2]}
}

func TestDNSReplies(t *testing.T) {
	wrong := rcode(dns.RcodeRefused)
	for name, test := range map[string]struct {
		respond func([]byte) [][]byte
		want    string
	}{
		"answer":         {messages(right), healthy},
		"no answer":      {messages(empty), "NOERROR without an answer"},
		"no such name":   {messages(rcode(dns.RcodeNameError)), "NXDOMAIN"},
		"failure":        {messages(rcode(dns.RcodeServerFailure)), "SERVFAIL"},
		"unnamed":        {messages(rcode(14)), "RCODE 14"},
		"no question":    {messages(both(rcode(dns.RcodeFormatError), questionless)), "FORMERR"},
		"other case":     {messages(func(m *dns.Msg) { m.Question[0].Name = "WWW.Example.ORG." }), healthy},
		"other id":       {messages(both(wrong, func(m *dns.Msg) { m.Id++ }), right), healthy},
		"other name":     {messages(both(wrong, func(m *dns.Msg) { m.Question[0].Name = "a.example." }), right), healthy},
		"other type":     {messages(both(wrong, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeMX }), right), healthy},
		"other class":    {messages(both(wrong, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), right), healthy},
		"other opcode":   {messages(both(wrong, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), right), healthy},
		"a query":        {messages(both(wrong, func(m *dns.Msg) { m.Response = false }), right), healthy},
		"no question, 0": {messages(questionless, wrong), "REFUSED"},
		"short":          {func(b []byte) [][]byte { return append([][]byte{{}, b[:1]}, messages(right)(b)...) }, healthy},
		"malformed":      {cut, "malformed reply: overflowing header size"},
		"only an id":     {func(b []byte) [][]byte { return [][]byte{b[:2]} }, "malformed reply: bad header bits: dns: overflow unpacking uint16"},
		"truncated":      {messages(func(m *dns.Msg) { m.Truncated = true }), "truncated by UDP, and by TCP: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveUDP(t, test.respond)
			wantResult(t, run(t, dnsCheck(server), server), test.want)
		})
	}
}

func TestDNSQuery(t *testing.T) {
	queries := make(chan *dns.Msg, 2)
	server := serveUDP(t, func(wire []byte) [][]byte {
		query := new(dns.Msg)
		if err := query.Unpack(wire); err != nil {
			t.Error(err)
		}
		queries <- query
		return messages(right)(wire)
	})
	check := dnsCheck(server)
	check.Request.QueryType = dns.TypeTXT
	wantResult(t, run(t, check, server), healthy)
	wantResult(t, run(t, check, server), healthy)
	first, second := <-queries, <-queries
	want := dns.Question{Name: "www.example.org.", Qtype: dns.TypeTXT, Qclass: dns.ClassINET}
	if len(first.Question) != 1 || first.Question[0] != want || !first.RecursionDesired || first.Response || len(first.Extra) > 0 {
		t.Errorf("got %v", first)
	}
	wantResult(t, run(t, check, server), healthy)
	if third := <-queries; first.Id == second.Id && second.Id == third.Id { // two may well be equal
		t.Error("the id is always", first.Id)
	}
}

// serveDNS runs servers of miekg/dns by UDP and TCP on one port.
func serveDNS(t *testing.T, address string, handle dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Skip(err)
	}
	listener, err := net.Listen("tcp", socket.LocalAddr().String())
	if err != nil {
		socket.Close()
		t.Skip(err)
	}
	for _, server := range []*dns.Server{{PacketConn: socket, Handler: handle}, {Listener: listener, Handler: handle}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		server.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			server.Shutdown()
			<-ended
		})
	}
	return netip.MustParseAddrPort(listener.Addr().String())
}

func TestDNSOverTCPWhenTruncated(t *testing.T) {
	for name, address := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0"} {
		t.Run(name, func(t *testing.T) {
			server := serveDNS(t, address, func(w dns.ResponseWriter, query *dns.Msg) {
				reply := new(dns.Msg).SetReply(query)
				if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
					reply.Truncated = true
				} else {
					for range 1000 { // more than a datagram holds
						reply.Answer = append(reply.Answer, must(dns.NewRR("www.example.org. A 192.0.2.1")))
					}
				}
				w.WriteMsg(reply)
			})
			wantResult(t, run(t, dnsCheck(server), server), healthy)
			check := dnsCheck(server)
			check.Address = server.Addr().String()
			wantResult(t, run(t, check, at("192.0.2.1")), healthy)
		})
	}
}

func TestDNSHostName(t *testing.T) {
	server := serveUDP(t, messages(right))
	check := dnsCheck(server)
	check.Address = "localhost"
	wantResult(t, run(t, check, at("192.0.2.1")), healthy)
	check.Address = "no..such"
	wantResult(t, run(t, check, server), `no such host "no..such"`)
}

// truncating replies by UDP that TCP knows more, which handle then serves.
func truncating(t testing.TB, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	server := serve(t, handle)
	socket, err := net.ListenPacket("udp", server.String())
	if err != nil {
		t.Skip(err)
	}
	return answerUDP(t, socket, messages(func(m *dns.Msg) { m.Truncated = true }))
}

func TestDNSBadTCP(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"closed":   {func(c net.Conn) { c.Read(make([]byte, 512)) }, "connection closed without an answer"},
		"cut":      {func(c net.Conn) { c.Read(make([]byte, 512)); c.Write([]byte{1, 0, 7}) }, "connection closed without an answer"},
		"reset":    {func(c net.Conn) { reset(c); c.Read(make([]byte, 512)) }, "connection reset by the server"},
		"not ours": {func(c net.Conn) { c.Read(make([]byte, 512)); c.Write([]byte{0, 1, 7}) }, "connection closed without an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			server := truncating(t, test.handle)
			wantResult(t, run(t, dnsCheck(server), server), "truncated by UDP, and by TCP: "+test.want)
		})
	}
}

func TestDNSClosesTCP(t *testing.T) {
	end := make(chan error, 1)
	server := truncating(t, func(conn net.Conn) {
		stream := dns.Conn{Conn: conn}
		query := must(stream.ReadMsg())
		stream.Write(messages(right)(must(query.Pack()))[0])
		_, err := io.Copy(io.Discard, conn)
		end <- err
	})
	wantResult(t, run(t, dnsCheck(server), server), healthy)
	if err := <-end; err != nil {
		t.Error(err)
	}
}

func TestDNSRefused(t *testing.T) {
	socket := must(net.ListenPacket("udp", "127.0.0.1:0"))
	address := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	socket.Close()
	wantResult(t, run(t, dnsCheck(address), address), "connection refused")
}

func TestDNSTimeouts(t *testing.T) {
	t.Parallel()
	nothing := serveUDP(t, func([]byte) [][]byte { return nil })
	wantTimeout(t, dnsCheck(nothing), nothing, "no answer within 500ms")
	others := serveUDP(t, messages(func(m *dns.Msg) { m.Id++ }))
	wantTimeout(t, dnsCheck(others), others, "no answer within 500ms")
	truncated := truncating(t, silent)
	wantTimeout(t, dnsCheck(truncated), truncated, "truncated by UDP, and by TCP: no answer within 500ms")
}

func TestDNSBadName(t *testing.T) {
	server := serveUDP(t, messages(right))
	check := dnsCheck(server)
	check.Request.Name = "a..example."
	wantResult(t, run(t, check, server), "cannot send: bad rdata")
}
