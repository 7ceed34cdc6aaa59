package test_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// aliasApex is a zone whose apex is a record.
const aliasApex = aliasSOA + `
@   600 IN NS  ns
@   600 IN MX  10 mail
@   600 IN TXT "apex"
@   600 IN A   192.0.2.99
ns  600 IN A   192.0.2.53
web 600 IN A   192.0.2.1
web 600 IN TXT "web"
`

// An alias may stand at an apex. What else is there comes from the file.
func TestAliasAtApex(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "file {$ZONE}\n"+
		"failover example.org {\nprimary web.example.org\ncheck none\nttl 7s\n}"),
		vars{"ZONE": writeFile(t, "zone", aliasApex)})
	s.mustSay(t, dialogue{
		"example.org A":    "192.0.2.1",
		"example.org AAAA": "NODATA example.org. 7 7",
		"example.org MX":   "10 mail.example.org.",
		"example.org TXT":  `"apex"`,
		"example.org NS":   "ns.example.org.",
		"example.org SOA":  "ns.example.org. hostmaster.example.org. 1 7200 3600 1209600 1",
		"example.org CAA":  "NODATA example.org. 1 1",
	})
}

// aliasData has a record of each type that an alias is asked for, at the end of
// a CNAME too.
const aliasData = `
web 20 IN A     192.0.2.1
web 20 IN MX    10 mail
web 20 IN MX    20 mail2
web 20 IN TXT   "text" "more"
web 20 IN SRV   1 2 443 srv
web 20 IN CAA   0 issue "ca.example.net"
web 20 IN HTTPS 1 . alpn="h2"
web 20 IN SVCB  1 svc.example.org. port="53"
web 20 IN NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.example.org.
web 20 IN TLSA  3 1 1 0123456789012345678901234567890123456789012345678901234567890123
chain 10 IN CNAME web
`

// Other types that the record answers are fetched when they are asked for, and
// come under the record's name, for the smaller of both TTLs.
func TestAliasOtherTypes(t *testing.T) {
	t.Parallel()
	origin := startAliasOrigin(t, aliasData)
	with := vars{"ZONE": writeFile(t, "zone", aliasSOA+aliasData)}
	for name, lines := range map[string]string{"file": "file {$ZONE}\n", "forward": "forward . {$ORIGIN}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const types = "\ntypes A AAAA MX TXT SRV CAA HTTPS SVCB NAPTR TLSA SSHFP\ncheck none\n"
			s := start(t, zone(lines+"failover www.example.org {\nprimary web.example.org\nttl 7s\n"+types+"}\n"+
				"failover far.example.org {\nprimary chain.example.org\nttl 60s\n"+types+"}\n"), with, origin.vars())
			for _, rr := range aliasZone(t, aliasData) {
				if !strings.HasPrefix(rr.Header().Name, "web.") {
					continue
				}
				qtype := rr.Header().Rrtype
				for name, ttl := range map[string]uint32{"wWw.example.org": 7, "fAr.example.org": 10} {
					want := dns.Copy(rr)
					want.Header().Name, want.Header().Ttl = dns.Fqdn(name), ttl
					wanted := strings.Join(strings.Fields(want.String()), " ")
					if got := s.answerOf(t, name, qtype); !strings.Contains("\n"+got+"\n", "\n"+wanted+"\n") {
						t.Errorf("%s %s: got\n%s\nwant\n%s", name, dns.TypeToString[qtype], got, wanted)
					}
				}
			}
			s.mustSay(t, dialogue{
				"www.example.org MX":    "10 mail.example.org. 20 mail2.example.org.",
				"www.example.org SSHFP": "NODATA example.org. 7 7",
				"www.example.org AAAA":  "NODATA example.org. 7 7",
				"far.example.org SSHFP": "NODATA example.org. 10 10",
			})
		})
	}
}

// Where nobody has an answer about other types, there is none; and the tier that
// answers says whose data they are.
func TestAliasOtherTypesOfTheActiveTier(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[0].ip)+aliasA("web2", sites[1].ip)+"web IN TXT \"one\"\nweb2 IN TXT \"two\"\n")
	s := start(t, zone("forward . {$ORIGIN}\n"+
		aliasRecord("www.example.org", "primary web.example.org\nsecondary web2.example.org\ntypes A AAAA TXT")),
		sites.vars(), origin.vars())
	s.log.await(t, 2, "unknown -> healthy")
	s.mustSay(t, dialogue{"www.example.org TXT": `"one"`})
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.mustSay(t, dialogue{"www.example.org TXT": `"two"`})

	origin.set(func() { origin.rcode = dns.RcodeServerFailure })
	s.mustSay(t, dialogue{"www.example.org TXT": "SERVFAIL"})
}

// With the option cname the answer is a CNAME and what there is behind it.
func TestAliasCNAME(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "file {$ZONE}\n"+
		aliasCNAME("www", "web.example.org")+aliasCNAME("far", "chain.example.org")),
		vars{"ZONE": writeFile(t, "zone", aliasSOA+aliasData)})
	const www, web = "www.example.org. 7 IN CNAME web.example.org.", "web.example.org. 20 IN A 192.0.2.1"
	const far, chain = "far.example.org. 7 IN CNAME chain.example.org.", "chain.example.org. 10 IN CNAME web.example.org."
	s.mustReply(t, "www.example.org A", "NOERROR with 0 SOA", www, web)
	s.mustReply(t, "www.example.org AAAA", "NOERROR with 1 SOA", www)
	s.mustReply(t, "www.example.org CNAME", "NOERROR with 0 SOA", www)
	// There is nothing beside a CNAME.
	s.mustReply(t, "www.example.org TXT", "NOERROR with 0 SOA", www, `web.example.org. 20 IN TXT "text" "more"`)
	s.mustReply(t, "far.example.org A", "NOERROR with 0 SOA", far, chain, web)
}

// Where the name behind is denied or nobody answers for it now, the CNAME stays
// as long as it has addresses.
func TestAliasCNAMEBehindGone(t *testing.T) {
	t.Parallel()
	origin := startAliasOrigin(t, "web 20 IN A 192.0.2.1\n")
	s := start(t, zone("forward . {$ORIGIN} {\nmax_fails 0\n}\n"+aliasCNAME("www", "web.example.org")), origin.vars())
	const www, web = "www.example.org. 7 IN CNAME web.example.org.", "web.example.org. 20 IN A 192.0.2.1"
	s.mustReply(t, "www.example.org A", "NOERROR with 0 SOA", www, web)
	origin.has(t, "")
	s.mustReply(t, "www.example.org A", "NXDOMAIN with 1 SOA", www)
	origin.set(func() { origin.rcode = dns.RcodeServerFailure })
	s.mustReply(t, "www.example.org A", "NOERROR with 0 SOA", www)
}

// A CNAME to a name that this server knows nothing of is answered all the same,
// for others to follow.
func TestAliasCNAMEToUnknown(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "file {$ZONE}\n"+
		aliasCNAME("denied", "nowhere.example.org")+aliasCNAME("unknown", "web.example.com")),
		vars{"ZONE": writeFile(t, "zone", aliasSOA+aliasData)})
	const unknown = "unknown.example.org. 7 IN CNAME web.example.com."
	s.mustReply(t, "unknown.example.org A", "NOERROR with 0 SOA", unknown)
	s.mustReply(t, "unknown.example.org CNAME", "NOERROR with 0 SOA", unknown)
	const denied = "denied.example.org. 7 IN CNAME nowhere.example.org."
	s.mustReply(t, "denied.example.org A", "NXDOMAIN with 1 SOA", denied)
	s.mustReply(t, "denied.example.org CNAME", "NOERROR with 0 SOA", denied)
}

// mustReply fails unless a question gets that code, so many SOAs and these
// answers.
func (s *server) mustReply(t testing.TB, asked, want string, answers ...string) {
	t.Helper()
	name, qtype, _ := strings.Cut(asked, " ")
	reply := s.exchange(t, "udp", question(name, dns.StringToType[qtype]))
	soas := 0
	for _, rr := range reply.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			soas++
		}
	}
	if got := fmt.Sprintf("%s with %d SOA", dns.RcodeToString[reply.Rcode], soas); got != want {
		t.Errorf("%s: got %s, want %s", asked, got, want)
	}
	if got, want := inLines(reply.Answer), strings.Join(answers, "\n"); got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", asked, got, want)
	}
}

// aliasCNAME is a record that is answered with a CNAME, and never fails over.
func aliasCNAME(label, target string) string {
	return fmt.Sprintf("failover %s.example.org {\nprimary %s {\ncname\n}\ncheck none\nttl 7s\n}\n", label, target)
}

// A record may switch between a CNAME and addresses.
func TestAliasCNAMEToAddresses(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip)+aliasA("web2", sites[2].ip))
	s := start(t, zone("forward . {$ORIGIN}\n"+
		aliasRecord("www.example.org", "primary web.example.org {\ncname\n}\nsecondary {$T1}\ntier 3 web2.example.org {\ncname\n}\nttl 5s")),
		sites.vars(), origin.vars())
	s.log.await(t, 3, "unknown -> healthy")
	first := "www.example.org. 1 IN CNAME web.example.org.\nweb.example.org. 1 IN A " + sites[1].ip
	second := "www.example.org. 5 IN A " + sites[0].ip
	third := "www.example.org. 1 IN CNAME web2.example.org.\nweb2.example.org. 1 IN A " + sites[2].ip
	become := func(want string) {
		t.Helper()
		await(t, func() string {
			got := s.answerOf(t, "www.example.org", dns.TypeA)
			if got != want {
				return fmt.Sprintf("the answer is %q, want %q", got, want)
			}
			return ""
		})
	}
	become(first)
	sites[1].stop()
	become(second)
	mustAnswer(t, s, "www.example.org", dns.TypeAAAA, "NODATA")
	mustAnswer(t, s, "www.example.org", dns.TypeCNAME, "NODATA")
	sites[0].stop()
	become(third)
	sites[0].start(t)
	become(second)
	sites[1].start(t)
	become(first)
}
