package test_test

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// question returns a message that asks for a name.
func question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
}

// withDO adds EDNS to a message, with the DO bit.
func withDO(m *dns.Msg) *dns.Msg { return m.SetEdns0(1232, true) }

// endpoint is where the server answers questions.
func (s *server) endpoint() string { return net.JoinHostPort(s.ip, s.port) }

// exchange sends a message over "udp" or "tcp", once, and returns the reply.
func (s *server) exchange(t testing.TB, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: patience}
	reply, _, err := client.Exchange(m, s.endpoint())
	if err != nil {
		t.Fatalf("%s %v: %v", network, m.Question, err)
	}
	return reply
}

// ask asks over UDP, once, and returns the answer in words.
func (s *server) ask(t testing.TB, name string, qtype uint16) string {
	t.Helper()
	return inWords(s.exchange(t, "udp", question(name, qtype)))
}

// inWords returns the data of a reply's addresses, sorted and separated by
// spaces; without any it is NODATA, or the response code that is not NOERROR.
func inWords(reply *dns.Msg) string {
	if reply.Rcode != dns.RcodeSuccess {
		return dns.RcodeToString[reply.Rcode]
	}
	var found []string
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			found = append(found, rr.A.String())
		case *dns.AAAA:
			found = append(found, rr.AAAA.String())
		}
	}
	if len(found) == 0 {
		return "NODATA"
	}
	return sorted(found)
}

// sorted puts words into order, separated by spaces.
func sorted(words []string) string {
	slices.SortFunc(words, func(a, b string) int {
		x, _ := netip.ParseAddr(a) // the zero value where it is none
		y, _ := netip.ParseAddr(b)
		return cmp.Or(x.Compare(y), strings.Compare(a, b))
	})
	return strings.Join(words, " ")
}

// mustAnswer asks over UDP and over TCP, with and without EDNS.
func mustAnswer(t testing.TB, s *server, name string, qtype uint16, want string) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		for _, m := range []*dns.Msg{question(name, qtype), withDO(question(name, qtype))} {
			if got := inWords(s.exchange(t, network, m)); got != want {
				t.Errorf("%s over %s: got %s, want %s", name, network, got, want)
			}
		}
	}
}

// awaitAnswer asks until the answer is want.
func awaitAnswer(t testing.TB, s *server, name string, qtype uint16, want string) {
	t.Helper()
	await(t, func() string {
		if got := s.ask(t, name, qtype); got != want {
			return fmt.Sprintf("%s is answered with %s, want %s", name, got, want)
		}
		return ""
	})
}
