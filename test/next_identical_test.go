package test_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// nextEverything is a zone with every kind of thing.
const nextEverything = `
$ORIGIN example.org.
$TTL 3600
@            IN SOA   ns1 hostmaster 1 7200 3600 1209600 300
@            IN NS    ns1
@            IN NS    ns2
@            IN A     192.0.2.10
@            IN MX    10 mail
@            IN TXT   "v=spf1 -all"
@            IN CAA   0 issue "ca.example.net"
@            IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.10" ipv6hint="2001:db8::10"
ns1          IN A     192.0.2.53
ns2          IN A     192.0.2.54
ns2          IN AAAA  2001:db8::54
www     60   IN A     192.0.2.1
www     60   IN A     192.0.2.2
www     60   IN A     192.0.2.3
www     120  IN AAAA  2001:db8::1
www     120  IN AAAA  2001:db8::2
www          IN TXT   "www"
www          IN HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1,192.0.2.2" ipv6hint="2001:db8::1"
host         IN HTTPS 0 www
svc          IN SVCB  1 www.example.org. port="53" ipv4hint="192.0.2.1"
mail         IN A     192.0.2.25
mail         IN AAAA  2001:db8::25
mx           IN MX    10 mail
mx           IN MX    20 www
mx           IN MX    30 outside.example.com.
_sip._tcp    IN SRV   1 2 5060 www
_sip._tcp    IN SRV   2 2 5060 mail
alias        IN CNAME www
chain        IN CNAME alias
dangling     IN CNAME nowhere
outside      IN CNAME www.example.com.
loop         IN CNAME loop2
loop2        IN CNAME loop
*.wild       IN A     192.0.2.7
*.wild       IN TXT   "wild"
*.wild       IN MX    5 mail
exact.wild   IN TXT   "exact"
*.cwild      IN CNAME www
deep.ent.far IN A     192.0.2.8
four         IN A     192.0.2.4
six          IN AAAA  2001:db8::6
text         IN TXT   "no address"
sub          IN NS    ns.sub
sub          IN NS    ns.example.com.
ns.sub       IN A     192.0.2.60
ns.sub       IN AAAA  2001:db8::60
safe         IN NS    ns1
safe         IN DS    12345 13 2 0123456789012345678901234567890123456789012345678901234567890123
below.www    IN A     192.0.2.9
`

// nextNames are the names to ask for; "?" stands for anything.
var nextNames = strings.Fields(`@ ns1 ns2 www host svc mail mx _sip._tcp _tcp alias chain dangling outside loop loop2
	wild ?.wild ?.?.wild *.wild exact.wild ?.exact.wild cwild ?.cwild ?.?.cwild far ent.far deep.ent.far ?.ent.far
	four six text sub ?.sub ns.sub ?.?.sub safe ?.safe below.www ?.www ?.alias ? ?.? * *.? _acme-challenge.www`)

var nextTypes = []uint16{
	dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeMX, dns.TypeTXT, dns.TypeNS,
	dns.TypeSOA, dns.TypeSRV, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeDS, dns.TypeDNSKEY, dns.TypeCAA, dns.TypeANY,
	dns.TypePTR, dns.TypeNSEC, dns.TypeRRSIG, dns.TypeTLSA, dns.TypeNAPTR, 65280,
}

// nextQuestion is a random question.
func nextQuestion(random *rand.Rand) *dns.Msg {
	name := nextNames[random.IntN(len(nextNames))]
	for strings.Contains(name, "?") {
		name = strings.Replace(name, "?", fmt.Sprintf("x%d", random.IntN(1000)), 1)
	}
	name = strings.TrimPrefix(name+".example.org.", "@.")
	if random.IntN(4) == 0 {
		n := random.IntN(len(name))
		name = strings.ToUpper(name[:n]) + name[n:]
	}
	m := new(dns.Msg).SetQuestion(name, nextTypes[random.IntN(len(nextTypes))])
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = random.IntN(2) == 0, random.IntN(4) == 0, random.IntN(4) == 0
	switch random.IntN(3) {
	case 1:
		m.SetEdns0(1232, false)
	case 2:
		m.SetEdns0(1232, true)
	}
	return m
}

// With everything healthy, a zone is the same with a wildcard of "primary next"
// in front as without: in all sections, for 1,000 random questions, signed on the
// fly or not.
func TestNextIdentical(t *testing.T) {
	t.Parallel()
	key := newSigningKey(t, "example.org.")
	ahead := signedInAdvance(t, key, nextEverything)
	for name, lines := range map[string]string{
		"file":                     "file {$ZONE}\n",
		"cache":                    "cache {\nkeepttl\n}\nfile {$ZONE}\n",
		"signed":                   "dnssec {\nkey file {$KEY}\n}\nfile {$ZONE}\n",
		"minimal":                  "minimal\nfile {$ZONE}\n",
		"forward":                  "forward . {$ORIGIN}\n",
		"signed in advance":        "file {$SIGNED}\n",
		"signed, behind a forward": "dnssec {\nkey file {$KEY}\n}\nforward . {$ORIGIN}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 1, ok)
			origin := start(t, block("example.org:{$PORT}", "file {$ZONE}\n"), vars{"ZONE": writeFile(t, "zone", nextEverything)})
			p := startNextPair(t, lines, `
failover *.example.org {
    primary next
    probe 127.0.0.0/8
    ttl 86400s
    check http {
        address {$T1}
        port {$TARGET_PORT}
        host checked.example.org
        import fast
    }
}
`, sites.vars(), vars{"ZONE": writeFile(t, "zone", nextEverything), "KEY": key.file, "SIGNED": ahead, "ORIGIN": origin.endpoint()})
			p.ask(t, "www.example.org", dns.TypeA)
			p.log.await(t, 1, "unknown -> healthy")
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			for range 1000 {
				m := nextQuestion(random)
				network := []string{"udp", "tcp"}[random.IntN(2)]
				got, want := nextTold(p.exchange(t, network, m)), nextTold(p.plain.exchange(t, network, m))
				if got != want {
					t.Fatalf("seed %d, %s, asked\n%v\nwith failover:\n%s\nwithout:\n%s", seed, network, m, got, want)
				}
			}
		})
	}
}

// signedInAdvance returns the path of a zone file that CoreDNS has signed.
func signedInAdvance(t testing.TB, key signingKey, zoneFile string) string {
	t.Helper()
	dir := t.TempDir()
	start(t, block("example.org:{$PORT}", "sign {$ZONE} {\nkey file {$KEY}\ndirectory {$DIR}\n}\n"),
		vars{"ZONE": writeFile(t, "zone", zoneFile), "KEY": key.file, "DIR": dir})
	path := filepath.Join(dir, "db.example.org.signed")
	await(t, func() string {
		if _, err := os.Stat(path); err != nil {
			return err.Error()
		}
		return ""
	})
	return path
}

// nextTold is all that a reply says, but for what a signature has by chance.
func nextTold(reply *dns.Msg) string {
	for _, section := range [][]dns.RR{reply.Answer, reply.Ns, reply.Extra} {
		for _, rr := range section {
			if sig, ok := rr.(*dns.RRSIG); ok {
				sig.Signature, sig.Inception, sig.Expiration = "", 0, 0
			}
		}
		slices.SortFunc(section, func(a, b dns.RR) int { return strings.Compare(a.String(), b.String()) })
	}
	return reply.String()
}
