package test_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// many are addresses that need more than 512 bytes.
func many(n int) string {
	var addresses []string
	for i := range n {
		addresses = append(addresses, fmt.Sprintf("192.0.2.%d", 101+i))
	}
	return strings.Join(addresses, " ")
}

// The form of a reply: the question as it was asked, AA, the flags that are the
// client's, and EDNS where the question has it.
func TestChainForm(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", recordsInFront))
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX} {
		for _, network := range []string{"udp", "tcp"} {
			for _, edns := range []bool{false, true} {
				m := question("wWw.eXaMpLe.oRg", qtype)
				m.CheckingDisabled, m.RecursionDesired = edns, !edns
				if edns {
					withDO(m)
				}
				s.mustFit(t, m, s.exchange(t, network, m))
			}
		}
	}
}

// mustFit compares the form of a reply with that of its question.
func (s *server) mustFit(t testing.TB, m, reply *dns.Msg) {
	t.Helper()
	what := fmt.Sprint(m.Question, m.IsEdns0() != nil)
	want := dns.MsgHdr{
		Id: m.Id, Response: true, Authoritative: true,
		RecursionDesired: m.RecursionDesired, CheckingDisabled: m.CheckingDisabled,
	}
	if reply.MsgHdr != want {
		t.Errorf("%s: the header is\n%v, want\n%v", what, &reply.MsgHdr, &want)
	}
	if len(reply.Question) != 1 || reply.Question[0] != m.Question[0] {
		t.Errorf("%s: the question comes back as %v", what, reply.Question)
	}
	for _, rr := range reply.Answer {
		if h := rr.Header(); h.Name != m.Question[0].Name || h.Ttl != 7 {
			t.Errorf("%s: got %v", what, rr)
		}
	}
	switch asked, opt := m.IsEdns0(), reply.IsEdns0(); {
	case asked == nil && opt != nil:
		t.Errorf("%s: EDNS in a reply to a question without it", what)
	case asked != nil && (opt == nil || opt.Do() != asked.Do() || opt.Version() != 0):
		t.Errorf("%s: EDNS is %v", what, opt)
	}
}

// What does not fit is truncated over UDP, and complete over TCP.
func TestChainTruncation(t *testing.T) {
	t.Parallel()
	addresses := many(60)
	for name, plugins := range map[string]string{"alone": "", "bufsize": "bufsize 700"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, block("example.org:{$PORT}", plugins+constant("www.example.org", addresses)))
			for _, one := range []struct {
				network string
				size    uint16 // by EDNS; 0: without it
				room    int    // a reply may be this long
			}{
				{"udp", 0, 512},
				{"udp", 100, 512},
				{"udp", 700, 700},
				{"udp", 4096, map[string]int{"alone": 4096, "bufsize": 700}[name]},
				{"tcp", 0, dns.MaxMsgSize},
				{"tcp", 512, dns.MaxMsgSize},
			} {
				m := question("www.example.org", dns.TypeA)
				if one.size > 0 {
					m.SetEdns0(one.size, false)
				}
				reply := s.exchangeWith(t, one.network, m)
				complete := said(reply) == addresses
				if reply.Truncated == complete || complete != (one.room > 1000) || size(reply) > one.room {
					t.Errorf("%s with a size of %d: %d answers in %d bytes, TC %t",
						one.network, one.size, len(reply.Answer), size(reply), reply.Truncated)
				}
			}
		})
	}
}

// exchangeWith is exchange for replies of any size.
func (s *server) exchangeWith(t testing.TB, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: patience, UDPSize: dns.MaxMsgSize}
	reply, _, err := client.Exchange(m, s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// size is how many bytes a reply had, compressed.
func size(m *dns.Msg) int {
	m.Compress = true
	return m.Len()
}

// Whatever is no question for an address goes the way that it would go without
// failover, and does not disturb it.
func TestChainOtherMessages(t *testing.T) {
	t.Parallel()
	behind := startUpstream(t, dataOfFile)
	s := start(t, block("example.org:{$PORT}", "forward . {$UPSTREAM}\n"+recordsOfFile), vars{"UPSTREAM": behind.address})
	with := func(change func(m *dns.Msg)) *dns.Msg {
		m := question("www.example.org", dns.TypeA)
		change(m)
		return m
	}
	class := func(class uint16) *dns.Msg {
		return with(func(m *dns.Msg) { m.Question[0].Qclass = class })
	}
	opcode := func(opcode int) *dns.Msg {
		return with(func(m *dns.Msg) { m.Opcode = opcode })
	}
	for name, one := range map[string]struct {
		message *dns.Msg
		want    string
	}{
		"class CH":  {class(dns.ClassCHAOS), "192.0.2.99"}, // the upstream knows no classes
		"class ANY": {class(dns.ClassANY), "192.0.2.99"},
		"type ANY":  {question("www.example.org", dns.TypeANY), "NODATA example.org. 3600 3600"},
		"NOTIFY":    {opcode(dns.OpcodeNotify), "192.0.2.99"},
		"UPDATE":    {opcode(dns.OpcodeUpdate), "NOTIMP"}, // without dynupdate
		"version 1": {
			with(func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetVersion(1) }),
			dns.RcodeToString[dns.RcodeBadVers],
		},
		"two questions": {with(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), "FORMERR"},
		"no question":   {with(func(m *dns.Msg) { m.Question = nil }), "FORMERR"},
	} {
		if got := said(s.exchange(t, "tcp", one.message)); got != one.want {
			t.Errorf("%s: got %s, want %s", name, got, one.want)
		}
		mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.2")
	}
	if got := behind.messages(dns.OpcodeNotify, "www.example.org", dns.TypeA); got != 1 {
		t.Errorf("NOTIFY has come to the upstream %d times, want once", got)
	}
}
