package test_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// signingKey signs the zones of a server block.
type signingKey struct {
	*dns.DNSKEY
	file string // without an ending, as "key file" of dnssec wants it
}

func newSigningKey(t testing.TB, zone string) signingKey {
	t.Helper()
	k := signingKey{file: filepath.Join(t.TempDir(), "key")}
	k.DNSKEY = &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := k.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	for ending, text := range map[string]string{".key": k.String() + "\n", ".private": k.PrivateKeyString(private)} {
		if err := os.WriteFile(k.file+ending, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// of is the key as the DNSKEY of a zone: dnssec signs all its zones with it.
func (k signingKey) of(zone string) *dns.DNSKEY {
	key := *k.DNSKEY
	key.Hdr.Name = zone
	return &key
}

// check says what is wrong with the signatures of a reply from a zone, or nil.
func (k signingKey) check(zone string, reply *dns.Msg) error {
	rrs := append(append([]dns.RR(nil), reply.Answer...), reply.Ns...)
	sets, signatures := make(map[string][]dns.RR), make(map[string]*dns.RRSIG)
	for _, rr := range rrs {
		name := strings.ToLower(rr.Header().Name) + " "
		if sig, ok := rr.(*dns.RRSIG); ok {
			signatures[name+dns.TypeToString[sig.TypeCovered]] = sig
			continue
		}
		set := name + dns.TypeToString[rr.Header().Rrtype]
		sets[set] = append(sets[set], rr)
	}
	if len(sets) == 0 || len(sets) != len(signatures) {
		return fmt.Errorf("%d RRsets have %d signatures", len(sets), len(signatures))
	}
	for set, rrs := range sets {
		switch sig := signatures[set]; {
		case sig == nil:
			return fmt.Errorf("%s is not signed", set)
		case !sig.ValidityPeriod(time.Now()):
			return fmt.Errorf("the signature of %s is not valid now", set)
		default:
			if err := sig.Verify(k.of(zone), rrs); err != nil {
				return fmt.Errorf("the signature of %s: %w", set, err)
			}
		}
	}
	return nil
}

// signed is a zone with its key, on a server.
type signed struct {
	*server
	key  signingKey
	zone string
}

// mustSign asks every question with DO, and fails for each that gets another
// reply, or one whose signatures are wrong.
func (z signed) mustSign(t testing.TB, d dialogue) {
	t.Helper()
	for asked, want := range d {
		name, qtype, _ := strings.Cut(asked, " ")
		reply := z.exchange(t, "tcp", withDO(question(name, dns.StringToType[qtype])))
		if got := said(reply); got != want {
			t.Errorf("%s: got %q, want %q", asked, got, want)
		}
		if err := z.key.check(z.zone, reply); err != nil {
			t.Errorf("%s: %v in\n%v", asked, err, reply)
		}
	}
}

// mustDenyWell fails unless a type is denied as dnssec does it: by an NSEC that
// lacks the type, next to one SOA.
func (z signed) mustDenyWell(t testing.TB, name string, qtype uint16) {
	t.Helper()
	reply := z.exchange(t, "udp", withDO(question(name, qtype)))
	var types []string
	for _, rr := range reply.Ns {
		types = append(types, dns.TypeToString[rr.Header().Rrtype])
		if nsec, ok := rr.(*dns.NSEC); ok {
			for _, has := range nsec.TypeBitMap {
				if has == qtype {
					t.Errorf("the NSEC says that %s has %s", name, dns.TypeToString[qtype])
				}
			}
		}
	}
	if got := strings.Join(types, ","); reply.Rcode != dns.RcodeSuccess || got != "SOA,RRSIG,RRSIG,NSEC" {
		t.Errorf("%s is denied with %s and %s", name, dns.RcodeToString[reply.Rcode], got)
	}
}

// mustConvinceDelv fails unless the resolver delv, with the zone's key as its
// trust anchor, finds every question's reply secure.
func (z signed) mustConvinceDelv(t testing.TB, d dialogue) {
	t.Helper()
	if _, err := exec.LookPath("delv"); err != nil {
		t.Skip("to let delv judge too, install bind9-dnsutils (Debian) or bind-utils (Fedora)")
	}
	anchor := writeFile(t, "anchor", fmt.Sprintf("trust-anchors { %q static-key %d 3 %d %q; };\n",
		z.zone, z.key.Flags, z.key.Algorithm, z.key.PublicKey))
	for asked, want := range d {
		name, qtype, _ := strings.Cut(asked, " ")
		out, err := exec.Command("delv", "@"+z.ip, "-p", z.port, "-a", anchor, "+root="+z.zone, name, qtype).CombinedOutput()
		if err != nil {
			t.Errorf("delv %s: %v\n%s", asked, err, out)
		}
		verdict, data := "; fully validated", want
		if strings.HasPrefix(want, "NODATA") {
			verdict, data = "; negative response, fully validated", ""
		}
		if !containsAll(string(out), []string{verdict, data}) {
			t.Errorf("delv %s says\n%s\nwant %s and %s", asked, out, verdict, data)
		}
	}
}

// signedZones is a Corefile with two zones in one server block that dnssec
// signs and that cache would keep.
func signedZones(key signingKey, more string) string {
	lines := fmt.Sprintf(`
    cache 3600
    dnssec {
        key file %s
    }
    %s
`, key.file, more)
	for _, zone := range signedNames {
		lines += switching("www."+zone, "192.0.2.1 2001:db8::1", "192.0.2.2 2001:db8::2") +
			switching("v4."+zone, "192.0.2.11", "192.0.2.12") +
			switching("*.wild."+zone, "192.0.2.21", "192.0.2.22") +
			fmt.Sprintf("file {$ZONE_FILE} %s\n", zone)
	}
	return fast + block("example.org:{$PORT} example.net:{$PORT}", lines)
}

// signedNames are the zones of signedZones.
var signedNames = []string{"example.org", "example.net"}

// signedFile is the data of both zones that is not failover's.
const signedFile = `
@    3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600
@    3600 IN NS  ns
www  3600 IN A   192.0.2.99
www  3600 IN MX  10 mail
ns   3600 IN A   192.0.2.53
`

// signedDialogue is what is said in a signed zone while a tier answers.
func signedDialogue(zone string, tier int) dialogue {
	nodata := "NODATA " + zone + ". 600 600"
	return dialogue{
		"www." + zone + " A":           fmt.Sprintf("192.0.2.%d", tier),
		"www." + zone + " AAAA":        fmt.Sprintf("2001:db8::%d", tier),
		"v4." + zone + " A":            fmt.Sprintf("192.0.2.1%d", tier),
		"v4." + zone + " AAAA":         nodata,
		"v4." + zone + " MX":           nodata, // the file has no such name
		"any.name.wild." + zone + " A": fmt.Sprintf("192.0.2.2%d", tier),
		"other.wild." + zone + " TXT":  nodata,
		"www." + zone + " MX":          "10 mail." + zone + ".",
		"ns." + zone + " A":            "192.0.2.53",
	}
}

// Whatever dnssec signs validates, before, during and after a switch, and each
// switch is seen by the very next question although cache stands in front.
func TestChainDNSSEC(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"plain": "", "minimal": "minimal", "loadbalance": "loadbalance"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSigned(t, more, nil)
		})
	}
}

// The same holds for a CoreDNS whose plugin.cfg has another order, or lacks the
// plugins beside which failover finds its place. (It is not parallel, so that all
// others have the usual program.)
func TestChainOrder(t *testing.T) {
	usual := program
	defer func() { program = usual }()
	var err error
	if program, err = build("coredns-order", "./testdata/order", raceFlags...); err != nil {
		t.Fatal(err)
	}
	for name, order := range map[string]vars{
		"behind dnssec":          {"BEHIND": "dnssec"},
		"next to dnssec":         {"BEHIND": "header"},
		"without its neighbours": {"BEHIND": "acl", "WITHOUT": "header minimal tls"},
	} {
		t.Run(name, func(t *testing.T) { testSigned(t, "", order) })
	}
}

func testSigned(t *testing.T, more string, with vars) {
	key := newSigningKey(t, "example.org.")
	sites := startTargets(t, 2, ok)
	corefile := signedZones(key, more)
	s := start(t, corefile, sites.vars(), vars{"ZONE_FILE": writeFile(t, "db", signedFile)}, with)
	s.mustBeSigned(t, key, 1)

	sites[0].stop()
	s.awaitSwitch(t, key, 2)
	s.mustBeSigned(t, key, 2)
	s.reload(t, corefile+"\n# changed\n")
	s.mustBeSigned(t, key, 2)

	sites[0].start(t)
	s.awaitSwitch(t, key, 1)
	s.mustBeSigned(t, key, 1)
}

// awaitSwitch waits until all records of both zones have come to a tier, as the
// log says. What is answered meanwhile must validate, too.
func (s *server) awaitSwitch(t testing.TB, key signingKey, tier int) {
	t.Helper()
	for _, zone := range signedNames {
		for _, label := range []string{"www.", "v4.", "*.wild."} {
			line := []string{"record " + label + zone + ", IPv4: ", fmt.Sprintf("tier %d answers, was", tier)}
			await(t, func() string {
				reply := s.exchange(t, "udp", withDO(question("www."+zone, dns.TypeA)))
				if err := key.check(zone+".", reply); err != nil {
					t.Fatalf("during a switch: %v in\n%v", err, reply)
				}
				if len(s.log.find(line...)) == 0 {
					return "the log lacks " + strings.Join(line, "... ")
				}
				return ""
			})
		}
	}
}

// mustBeSigned asks everything in both zones, with and without DO.
func (s *server) mustBeSigned(t *testing.T, key signingKey, tier int) {
	t.Helper()
	for _, zone := range signedNames {
		z, d := signed{s, key, zone + "."}, signedDialogue(zone, tier)
		z.mustSign(t, d)
		z.mustSay(t, d)
		z.mustSign(t, dialogue{"wWw." + strings.ToUpper(zone) + " A": d["www."+zone+" A"]})
		z.mustDenyWell(t, "v4."+zone, dns.TypeAAAA)
		z.mustDenyWell(t, "v4."+zone, dns.TypeTXT)
		t.Run("delv", func(t *testing.T) { z.mustConvinceDelv(t, d) })
	}
}

// Whether a server block signs is for each configuration to say, and for each
// block: the next one may not.
func TestChainSignedBlocks(t *testing.T) {
	t.Parallel()
	keys := map[string]signingKey{}
	for _, zone := range signedNames {
		keys[zone] = newSigningKey(t, zone+".")
	}
	corefile := func(signing ...string) string {
		text := ""
		for _, zone := range signedNames {
			lines := "cache 3600\n" + constant("www."+zone, "192.0.2.1")
			if slices.Contains(signing, zone) {
				lines += "dnssec {\nkey file " + keys[zone].file + "\n}\n"
			}
			text += block(zone+":{$PORT}", lines)
		}
		return text
	}
	s := start(t, corefile())
	for _, signing := range [][]string{nil, {"example.org"}, {"example.net"}, signedNames, nil} {
		s.reload(t, corefile(signing...))
		for _, zone := range signedNames {
			d := dialogue{"www." + zone + " A": "192.0.2.1", "www." + zone + " AAAA": "NODATA " + zone + ". 7 7"}
			s.mustSay(t, d)
			if slices.Contains(signing, zone) {
				signed{s, keys[zone], zone + "."}.mustSign(t, d)
			} else if reply := s.exchange(t, "udp", withDO(question("www."+zone, dns.TypeA))); len(reply.Answer) != 1 {
				t.Errorf("%s is not signed, but its answer is %v", zone, reply.Answer)
			}
		}
	}
}

// cache searches the names that it must not keep one by one, so with many of
// them it may keep them all, and an operator is told.
func TestChainManySignedNames(t *testing.T) {
	t.Parallel()
	key := newSigningKey(t, "example.org.")
	corefile := func(names int) string {
		lines := "cache 3600\ndnssec {\nkey file " + key.file + "\n}\n"
		for n := range names {
			lines += constant(fmt.Sprintf("n%d.example.org", n), "192.0.2.1")
		}
		return block("example.org:{$PORT}", lines)
	}
	const warning = "[WARNING] plugin/failover: cache stands in front of failover in the server block for example.org.,"
	s := start(t, corefile(100))
	if lines := s.log.find(warning); len(lines) > 0 {
		t.Errorf("100 names are not too many: %q", lines)
	}
	s.reload(t, corefile(101))
	if lines := s.log.find(warning, "with 101 names"); len(lines) != 1 {
		t.Errorf("got %q, want one line that warns of 101 names", lines)
	}
	signed{s, key, "example.org."}.mustSign(t, dialogue{"n7.example.org A": "192.0.2.1"})
}
