package kubernetes_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ask asks over UDP, once, and returns the answer in words.
func (s *server) ask(t testing.TB, name string, qtype uint16) string {
	t.Helper()
	return inWords(s.exchange(t, "udp", name, qtype))
}

// exchange asks over "udp" or "tcp", once, and returns the reply. Nobody may have
// to wait for it as long as a resolver does, which is 5 seconds.
func (s *server) exchange(t testing.TB, network, name string, qtype uint16) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: 5 * time.Second}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	reply, _, err := client.Exchange(question, net.JoinHostPort(s.ip, "53"))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return reply
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
	return sorted(found...)
}

// sorted puts words into order, separated by spaces.
func sorted(words ...string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// mustAnswer asks over UDP and over TCP.
func (s *server) mustAnswer(t testing.TB, name string, qtype uint16, want string) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		if got := inWords(s.exchange(t, network, name, qtype)); got != want {
			t.Errorf("%s %s over %s: got %s, want %s", name, dns.TypeToString[qtype], network, got, want)
		}
	}
}

// awaitAnswer asks for IPv4 addresses until these are the answer.
func (s *server) awaitAnswer(t testing.TB, name string, want ...string) {
	t.Helper()
	s.awaitAnswerOf(t, name, dns.TypeA, want...)
}

// awaitAnswerOf is awaitAnswer for another type.
func (s *server) awaitAnswerOf(t testing.TB, name string, qtype uint16, want ...string) {
	t.Helper()
	await(t, func() string {
		if got := s.ask(t, name, qtype); got != sorted(want...) {
			return fmt.Sprintf("%s %s is answered with %s, want %s", name, dns.TypeToString[qtype], got, sorted(want...))
		}
		return ""
	})
}
