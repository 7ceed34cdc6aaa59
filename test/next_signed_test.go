package test_test

import (
	"crypto"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// sign signs an RRset as whoever owns the zone does it.
func (k signingKey) sign(t testing.TB, rrs []dns.RR) *dns.RRSIG {
	t.Helper()
	file, err := os.Open(k.file + ".private")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	private, err := k.ReadPrivateKey(file, file.Name())
	if err != nil {
		t.Fatal(err)
	}
	sig := &dns.RRSIG{
		Hdr:       dns.RR_Header{Name: rrs[0].Header().Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: rrs[0].Header().Ttl},
		Inception: uint32(time.Now().Add(-time.Hour).Unix()), Expiration: uint32(time.Now().Add(time.Hour).Unix()),
		KeyTag: k.KeyTag(), SignerName: k.Hdr.Name, Algorithm: k.Algorithm,
	}
	if err := sig.Sign(private.(crypto.Signer), rrs); err != nil {
		t.Fatal(err)
	}
	return sig
}

// What comes signed from elsewhere passes unfiltered to those who ask for
// signatures, with one warning, and filtered to all others.
func TestNextSignedElsewhere(t *testing.T) {
	t.Parallel()
	for source, lines := range map[string]string{"file": "file {$ZONE}\n", "forward": "forward . {$ORIGIN}\n"} {
		for name, record := range map[string]string{"one name": nextOfWWW, "wildcard": nextWildcard("")} {
			t.Run(source+", "+name, func(t *testing.T) {
				t.Parallel()
				sites := startTargets(t, 3, ok)
				key := newSigningKey(t, "example.org.")
				addresses := "$TTL 600\n" + aliasA("www", sites[1].ip, sites[2].ip)
				data := addresses + key.sign(t, aliasZone(t, addresses)[1:]).String() + "\n"
				origin := startAliasOrigin(t, data)
				s := start(t, zone(lines+record), sites.vars(), origin.vars(), vars{"ZONE": writeFile(t, "zone", aliasSOA+data)})
				mustPass := func() {
					t.Helper()
					reply := s.exchange(t, "udp", withDO(question("www.example.org", dns.TypeA)))
					if got, want := inWords(reply), sorted([]string{sites[1].ip, sites[2].ip}); got != want {
						t.Errorf("who asks for signatures gets %s, want %s", got, want)
					}
					reply.Ns = nil
					if err := key.check("example.org.", reply); err != nil {
						t.Error(err)
					}
				}
				s.ask(t, "www.example.org", dns.TypeA)
				s.log.await(t, 3, "unknown -> healthy")
				mustPass()
				sites[1].stop()
				awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
				mustPass()
				sites[2].stop()
				awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
				mustPass()
				s.log.mustLog(t, 1, "[WARNING] plugin/failover: record ", "what the next plugins answer comes signed")
			})
		}
	}
}

// Whatever has been changed is no longer authentic data.
func TestNextAuthenticData(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	origin := startAliasOrigin(t, "$TTL 600\n"+aliasA("www", sites[1].ip, sites[2].ip)+aliasA("short", sites[1].ip))
	origin.set(func() { origin.secure = true })
	s := start(t, zone("forward . {$ORIGIN}\n"+
		aliasRecord("www.example.org", "primary next\nsecondary {$T1}\nttl 86400s")+
		aliasRecord("short.example.org", "primary next\nsecondary {$T1}\nttl 5s")), sites.vars(), origin.vars())
	s.log.await(t, 3, "unknown -> healthy")
	authentic := func(name string) bool {
		q := question(name, dns.TypeA)
		q.AuthenticatedData = true
		return s.exchange(t, "udp", q).AuthenticatedData
	}
	if !authentic("www.example.org") {
		t.Error("AD is cleared though nothing was changed")
	}
	if authentic("short.example.org") {
		t.Error("AD is set though the TTL was changed")
	}
	sites[2].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	if authentic("www.example.org") {
		t.Error("AD is set though an address was taken out")
	}
	sites[1].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if authentic("www.example.org") {
		t.Error("AD is set though the next tier answers")
	}
}

// Where the block signs, it signs what has been filtered.
func TestNextSignedHere(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{"one name": nextOfWWW, "wildcard": nextWildcard("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 3, ok)
			key := newSigningKey(t, "example.org.")
			data := aliasSOA + "@ IN NS ns\nns IN A 192.0.2.53\nwww IN TXT text\n" + aliasA("www", sites[1].ip, sites[2].ip)
			s := start(t, zone("cache 3600\ndnssec {\nkey file {$KEY}\n}\nfile {$ZONE}\n"+record),
				sites.vars(), vars{"KEY": key.file, "ZONE": writeFile(t, "zone", data)})
			z := signed{s, key, "example.org."}
			s.ask(t, "www.example.org", dns.TypeA)
			s.log.await(t, 3, "unknown -> healthy")
			z.mustSign(t, dialogue{
				"www.example.org A":   sorted([]string{sites[1].ip, sites[2].ip}),
				"www.example.org TXT": `"text"`,
			})
			sites[1].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[2].ip)
			z.mustSign(t, dialogue{"www.example.org A": sites[2].ip})
			sites[2].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			z.mustSign(t, dialogue{"www.example.org A": sites[0].ip})
			z.mustDenyWell(t, "www.example.org", dns.TypeAAAA)
		})
	}
}
