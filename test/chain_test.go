package test_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The tests of the chain show failover together with the plugins that people
// run in front of it and behind it.

// block is a server block.
func block(keys, lines string) string {
	return keys + ` {
    bind {$IP}
    errors
    prometheus {$METRICS}
` + lines + `
}
`
}

// constant is a record that never fails over. It has a TTL that no plugin uses.
func constant(name, primary string) string {
	return fmt.Sprintf(`
    failover %s {
        primary %s
        check none
        ttl 7s
    }
`, name, primary)
}

// switching is a record whose primary and secondary, addresses of any kind, are
// as healthy as the first and the second target. Its TTL is longer than a test,
// so that whoever keeps an answer is found out.
func switching(name, primary, secondary string) string {
	tier := func(word, addresses, target string) string {
		return fmt.Sprintf(`
        %s %s {
            check http {
                address {$%s}
                port {$TARGET_PORT}
                import fast
            }
        }
`, word, addresses, target)
	}
	return "failover " + name + " {\nttl 600s\n" +
		tier("primary", primary, "T1") + tier("secondary", secondary, "T2") + "}\n"
}

// awaitTier waits until a tier of a record has become the one that answers the
// n-th time, as the log says.
func (s *server) awaitTier(t testing.TB, n int, name string, tier int) {
	t.Helper()
	s.log.await(t, n, "record "+name+", IPv4: ", fmt.Sprintf("tier %d answers, was", tier))
}

// at is the server as another address or port of it shows it.
func (s *server) at(ip, port string) *server {
	other := *s
	other.ip, other.port = ip, port
	return &other
}

// query asks over UDP, once, and returns what the reply says.
func (s *server) query(t testing.TB, name string, qtype uint16) string {
	t.Helper()
	return said(s.exchange(t, "udp", question(name, qtype)))
}

// said is what a reply says: the data of its answers, sorted, or what it denies
// and the owner, TTL and MINIMUM of the SOA that it denies it with.
func said(reply *dns.Msg) string {
	var words []string
	for _, rr := range reply.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			words = append(words, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	slices.Sort(words)
	switch {
	case reply.Rcode != dns.RcodeSuccess:
		words = append(words, dns.RcodeToString[reply.Rcode])
	case len(words) == 0:
		words = append(words, "NODATA")
	}
	for _, rr := range reply.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			words = append(words, fmt.Sprint(soa.Hdr.Name, " ", soa.Hdr.Ttl, " ", soa.Minttl))
		}
	}
	return strings.Join(words, " ")
}

// dialogue is questions, such as "www.example.org MX", and what is said to them.
type dialogue map[string]string

// mustSay asks every question, and fails for each that gets another reply.
func (s *server) mustSay(t testing.TB, d dialogue) {
	t.Helper()
	for asked, want := range d {
		name, qtype, _ := strings.Cut(asked, " ")
		if got := s.query(t, name, dns.StringToType[qtype]); got != want {
			t.Errorf("%s: got %q, want %q", asked, got, want)
		}
	}
}
