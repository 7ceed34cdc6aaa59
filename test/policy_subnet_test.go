package test_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// anyHealthy is the check of a record whose targets are always healthy.
const anyHealthy = "check none\n"

// policyRecord is a record of a policy with lines of its own.
func policyRecord(name, policy, lines string) string {
	return fmt.Sprintf("failover %s {\npolicy %s\nttl 7s\n%s\n}\n", name, policy, lines)
}

// withOptions are targets of a tier, each with the option line that stands
// behind its colon.
func withOptions(tier string, targets ...string) string {
	text := ""
	for _, one := range targets {
		target, option, _ := strings.Cut(one, ": ")
		text += fmt.Sprintf("%s %s {\n%s\n}\n", tier, target, option)
	}
	return text
}

// withSubnet adds EDNS to a message, with the client's network (RFC 7871), as a
// resolver does. A network of length 0 says that the client wants none told; ""
// is that of no family, as "dig +subnet=0" sends it.
func withSubnet(m *dns.Msg, network string) *dns.Msg {
	subnet := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET}
	if network != "" {
		prefix := netip.MustParsePrefix(network)
		subnet.Family, subnet.SourceNetmask = 1, uint8(prefix.Bits())
		subnet.Address = prefix.Addr().AsSlice()
		if prefix.Addr().Is6() {
			subnet.Family = 2
		}
	}
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, subnet)
	return m
}

// scopeInWords is what a reply says of its scope: "no OPT", "no subnet", or the
// subnet as FAMILY/SOURCE/SCOPE.
func scopeInWords(reply *dns.Msg) string {
	opt := reply.IsEdns0()
	if opt == nil {
		return "no OPT"
	}
	found := "no subnet"
	for _, option := range opt.Option {
		if subnet, ok := option.(*dns.EDNS0_SUBNET); ok {
			if found != "no subnet" {
				return "two subnets"
			}
			found = fmt.Sprintf("%d/%d/%d", subnet.Family, subnet.SourceNetmask, subnet.SourceScope)
		}
	}
	return found
}

// askFor asks as a resolver does for a client of that network, and returns the
// answer and its scope in words.
func (s *server) askFor(t testing.TB, name string, qtype uint16, network string) (answer, scope string) {
	t.Helper()
	reply := s.exchange(t, "udp", withSubnet(question(name, qtype), network))
	return inWords(reply), scopeInWords(reply)
}

// exchangeAs is exchange from an address of the client's, over UDP.
func (s *server) exchangeAs(t testing.TB, from string, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Timeout: patience, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}}
	reply, _, err := client.Exchange(m, s.endpoint())
	if err != nil {
		t.Fatalf("asking from %s: %v", from, err)
	}
	return reply
}

// The records of TestPolicyScope: of each policy, and one that stands for another.
func scopeRecords() string {
	return policyRecord("all.example.org", "all", "primary 192.0.2.1 192.0.2.2\n"+anyHealthy) +
		policyRecord("limit.example.org", "all", "limit 1\nprimary 192.0.2.1 192.0.2.2\n"+anyHealthy) +
		policyRecord("weighted.example.org", "weighted", "primary 192.0.2.1 192.0.2.2\n"+anyHealthy) +
		policyRecord("fastest.example.org", "fastest", "primary 192.0.2.1 192.0.2.2\n"+anyHealthy) +
		policyRecord("sticky.example.org", "sticky", "primary 192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2\n"+anyHealthy) +
		policyRecord("single.example.org", "sticky", "primary 192.0.2.1\n"+anyHealthy) +
		policyRecord("nested.example.org", "all", "primary sticky.example.org\n"+anyHealthy) +
		policyRecord("clients.example.org", "clients", anyHealthy+withOptions("primary",
			"192.0.2.1: clients 198.51.100.0/24", "192.0.2.2: clients 198.51.100.128/25", "192.0.2.3: clients 203.0.113.0/24"))
}

// An answer that depends on the client says for whom it is good, and only that
// one does: a resolver may give all others to everybody (RFC 7871, 7.2.1).
func TestPolicyScope(t *testing.T) {
	t.Parallel()
	s := start(t, zone(scopeRecords()))
	for _, one := range []struct {
		asked, network, scope string
	}{
		{"all A", "198.51.100.0/24", "no subnet"},
		{"limit A", "198.51.100.0/24", "no subnet"},
		{"weighted A", "198.51.100.0/24", "no subnet"},
		{"fastest A", "198.51.100.0/24", "no subnet"},
		{"single A", "198.51.100.0/24", "1/24/0"}, // there is nothing to choose
		{"sticky A", "198.51.100.0/24", "1/24/24"},
		{"sticky AAAA", "198.51.100.0/24", "1/24/24"},
		{"sticky A", "198.51.100.7/32", "1/32/24"},
		{"sticky A", "198.51.0.0/16", "1/16/24"}, // more bits could lead to another target
		{"sticky A", "2001:db8:1:200::/56", "2/56/56"},
		{"sticky A", "2001:db8:1:201::/64", "2/64/56"},
		{"nested A", "198.51.100.7/32", "1/32/24"},
		{"clients A", "198.51.100.0/25", "1/25/25"},
		{"clients A", "198.51.100.200/32", "1/32/25"},
		{"clients A", "198.51.100.0/24", "1/24/25"}, // more bits could lead to 192.0.2.2
		{"clients A", "203.0.113.7/32", "1/32/24"},  // its neighbours of 203.0.112.0/23 get no data
		{"clients A", "10.0.0.0/8", "1/8/1"},        // no network begins with that bit
		{"clients A", "2001:db8::/32", "2/32/0"},    // no network is of IPv6
		{"clients AAAA", "10.0.0.0/8", "1/8/0"},     // nobody has an address of IPv6
	} {
		name, qtype, _ := strings.Cut(one.asked, " ")
		answer, scope := s.askFor(t, name+".example.org", dns.StringToType[qtype], one.network)
		if scope != one.scope {
			t.Errorf("%s for %s: the answer %s has the scope %s, want %s", one.asked, one.network, answer, scope, one.scope)
		}
	}
}

// With SOURCE 0 a resolver keeps its client to itself: it gets the answer that
// itself gets, and SCOPE 0. Without an OPT there is none in the reply.
func TestPolicyScopeOfHiddenClients(t *testing.T) {
	t.Parallel()
	inside, outside := newIP(t), newIP(t)
	s := start(t, zone(policyRecord("www.example.org", "clients", anyHealthy+
		withOptions("primary", "192.0.2.1: clients {$INSIDE}/32", "192.0.2.2: clients *"))), vars{"INSIDE": inside})
	for from, want := range map[string]string{inside: "192.0.2.1", outside: "192.0.2.2"} {
		for network, scope := range map[string]string{"0.0.0.0/0": "1/0/0", "::/0": "2/0/0", "": "0/0/0"} {
			reply := s.exchangeAs(t, from, withSubnet(question("www.example.org", dns.TypeA), network))
			if got := inWords(reply); got != want || scopeInWords(reply) != scope {
				t.Errorf("from %s with the network %q: got %s with the scope %s, want %s with %s",
					from, network, got, scopeInWords(reply), want, scope)
			}
		}
		for m, scope := range map[*dns.Msg]string{
			question("www.example.org", dns.TypeA):         "no OPT",
			withDO(question("www.example.org", dns.TypeA)): "no subnet",
		} {
			if reply := s.exchangeAs(t, from, m); inWords(reply) != want || scopeInWords(reply) != scope {
				t.Errorf("from %s: got %s with %s, want %s with %s", from, inWords(reply), scopeInWords(reply), want, scope)
			}
		}
	}
}

// A negative answer depends on the client as well, and says so.
func TestPolicyScopeOfNoData(t *testing.T) {
	t.Parallel()
	s := start(t, zone(policyRecord("www.example.org", "clients", anyHealthy+
		withOptions("primary", "192.0.2.1: clients 198.51.100.0/24"))))
	if answer, scope := s.askFor(t, "www.example.org", dns.TypeA, "198.51.101.0/24"); answer != "NODATA" || scope != "1/24/24" {
		t.Errorf("a neighbour gets %s with the scope %s, want NODATA with 1/24/24", answer, scope)
	}
	if answer, scope := s.askFor(t, "www.example.org", dns.TypeA, "198.51.100.0/24"); answer != "192.0.2.1" || scope != "1/24/24" {
		t.Errorf("the client gets %s with the scope %s, want 192.0.2.1 with 1/24/24", answer, scope)
	}
}
