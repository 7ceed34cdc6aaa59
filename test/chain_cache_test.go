package test_test

import (
	"testing"

	"github.com/miekg/dns"
)

// A switch is seen by the very next question, however long cache keeps other
// names. What is not failover's comes through the cache.
func TestChainCache(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	behind := startUpstream(t, `
@     3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600
www   3600 IN A   192.0.2.99
www   3600 IN MX  10 mail
www   3600 IN TXT "text"
other 3600 IN A   192.0.2.3
`)
	s := start(t, fast+block("example.org:{$PORT}", `
    cache 3600
    forward . {$UPSTREAM}
`+switching("www.example.org", "192.0.2.1", "192.0.2.2")), sites.vars(), vars{"UPSTREAM": behind.address})

	mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
	sites[0].stop()
	s.awaitTier(t, 1, "www.example.org", 2)
	mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.2")
	sites[0].start(t)
	s.awaitTier(t, 1, "www.example.org", 1)
	mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")

	for range 3 {
		s.mustSay(t, dialogue{
			"other.example.org A":  "192.0.2.3",
			"www.example.org MX":   "10 mail.example.org.",
			"www.example.org TXT":  `"text"`,
			"www.example.org AAAA": "NODATA example.org. 600 600",
		})
	}
	for asked, want := range map[string]map[uint16]int{
		"other.example.org": {dns.TypeA: 1},
		"www.example.org":   {dns.TypeA: 0, dns.TypeAAAA: 0, dns.TypeMX: 1, dns.TypeTXT: 1, dns.TypeSOA: 1},
	} {
		for qtype, times := range want {
			if got := behind.questions(asked, qtype); got != times {
				t.Errorf("%s %s is asked upstream %d times, want %d", asked, dns.TypeToString[qtype], got, times)
			}
		}
	}
}
