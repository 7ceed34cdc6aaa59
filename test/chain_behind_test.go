package test_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

// dataOfFile is a zone with names that are records too.
const dataOfFile = `
$ORIGIN example.org.
@        3600 IN SOA   ns hostmaster 1 7200 3600 1209600 3600
@        3600 IN NS    ns
@        3600 IN MX    10 mail
@        3600 IN TXT   "apex"
@        3600 IN A     192.0.2.98
www      3600 IN A     192.0.2.99
www      3600 IN TXT   "text"
www      3600 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.99"
mail     3600 IN A     192.0.2.25
mail     3600 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.25"
wild     3600 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.26"
`

// recordsOfFile are records for that zone: at its apex, at a name that it has,
// at one that it lacks, deep below one that nobody has, and a wildcard.
var recordsOfFile = constant("example.org", "192.0.2.1") +
	constant("www.example.org", "192.0.2.2") +
	constant("new.example.org", "192.0.2.3") +
	constant("deep.empty.example.org", "192.0.2.4") +
	constant("*.wild.example.org", "192.0.2.5")

// What each plugin behind failover says to a name that is a record, and what
// becomes of it.
func TestChainBehind(t *testing.T) {
	t.Parallel()
	behind := startUpstream(t, dataOfFile)
	with := vars{"ZONE_FILE": writeFile(t, "db.example.org", dataOfFile), "UPSTREAM": behind.address}
	const (
		file    = "NODATA example.org. 3600 3600" // as it is in the file
		ours    = "NODATA example.org. 7 7"       // with the record's TTL
		between = "NODATA example.org. 30 30"     // names above a record
	)
	data := dialogue{
		"example.org A":            "192.0.2.1",
		"example.org AAAA":         ours,
		"example.org MX":           "10 mail.example.org.",
		"example.org TXT":          `"apex"`,
		"example.org NS":           "ns.example.org.",
		"www.example.org A":        "192.0.2.2",
		"www.example.org AAAA":     ours,
		"www.example.org TXT":      `"text"`,
		"www.example.org HTTPS":    `1 . alpn="h2"`,
		"www.example.org MX":       file,
		"new.example.org A":        "192.0.2.3",
		"new.example.org AAAA":     ours,
		"new.example.org MX":       ours,
		"empty.example.org A":      between,
		"empty.example.org MX":     between,
		"x.y.wild.example.org A":   "192.0.2.5",
		"x.y.wild.example.org MX":  ours,
		"wild.example.org A":       file,
		"wild.example.org HTTPS":   `1 . alpn="h2" ipv4hint="192.0.2.26"`, // no record's name
		"mail.example.org A":       "192.0.2.25",
		"mail.example.org HTTPS":   `1 . alpn="h2" ipv4hint="192.0.2.25"`,
		"x.empty.example.org A":    "NXDOMAIN example.org. 3600 3600",
		"x.deep.example.org A":     "NXDOMAIN example.org. 3600 3600",
		"x.www.example.org TXT":    "NXDOMAIN example.org. 3600 3600",
		"deep.empty.example.org A": "192.0.2.4",
	}
	for name, one := range map[string]struct {
		lines string
		want  dialogue
	}{
		"file":    {"file {$ZONE_FILE}", data},
		"forward": {"forward . {$UPSTREAM}", data},
		"hosts": {
			"hosts {\n192.0.2.99 www.example.org\n192.0.2.25 mail.example.org\n}", dialogue{
				"www.example.org A":    "192.0.2.2",
				"www.example.org AAAA": ours,
				"www.example.org MX":   "NODATA", // hosts knows the name, and no SOA
				"new.example.org A":    "192.0.2.3",
				"new.example.org MX":   ours,
				"mail.example.org A":   "192.0.2.25",
				"other.example.org A":  "SERVFAIL", // what hosts says without fallthrough
			},
		},
		"hosts with fallthrough": {
			"hosts {\n192.0.2.77 mail.example.org\nfallthrough\n}\nfile {$ZONE_FILE}", dialogue{
				"www.example.org A":   "192.0.2.2",
				"www.example.org TXT": `"text"`,
				"new.example.org MX":  ours,
				"mail.example.org A":  "192.0.2.77",
			},
		},
		"template": {
			"template IN MX example.org {\nanswer \"{{ .Name }} 60 IN MX 10 mail.example.org.\"\n}\n" +
				"template IN A example.org {\nanswer \"{{ .Name }} 60 IN A 192.0.2.77\"\n}\n" +
				"template IN ANY example.org {\nrcode NXDOMAIN\n}", dialogue{
				"www.example.org A":    "192.0.2.2",
				"www.example.org AAAA": ours,
				"www.example.org MX":   "10 mail.example.org.",
				"www.example.org TXT":  ours,
				"other.example.org A":  "192.0.2.77",
			},
		},
		"nothing": {
			"", dialogue{
				"www.example.org A":    "192.0.2.2",
				"www.example.org AAAA": ours,
				"www.example.org MX":   ours,
				"empty.example.org A":  between,
				"other.example.org A":  "SERVFAIL",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, block("example.org:{$PORT}", one.lines+recordsOfFile), with)
			s.mustSay(t, one.want)
		})
	}
}

// An upstream that says nothing does not hold up what we know ourselves, and is
// no reason to deny what we do not know.
func TestChainDeadUpstream(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "forward . {$UPSTREAM}\n"+recordsOfFile),
		vars{"UPSTREAM": silentUpstream(t)})
	began := time.Now()
	s.mustSay(t, dialogue{
		"www.example.org A":    "192.0.2.2",
		"www.example.org AAAA": "NODATA example.org. 7 7",
		"new.example.org AAAA": "NODATA example.org. 7 7",
	})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("three replies took %v", took)
	}
	s.mustSay(t, dialogue{"www.example.org MX": "SERVFAIL"})
	s.log.await(t, 1, "[ERROR] plugin/errors: 2 www.example.org. MX: ")
}

// cache keeps the failure of an upstream and the end of the chain alike, as
// SERVFAIL. Only the latter is NODATA, however often it is asked for.
func TestChainCachedFailure(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		lines, want string
	}{
		"nothing behind": {"", "NODATA example.org. 7 7"},
		"fallthrough":    {"hosts {\n192.0.2.25 mail.example.org\nfallthrough\n}", "NODATA example.org. 7 7"},
		"dead upstream":  {"forward . {$UPSTREAM}", "SERVFAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, block("example.org:{$PORT}", "cache 3600\n"+one.lines+recordsOfFile),
				vars{"UPSTREAM": silentUpstream(t)})
			for range 3 {
				s.mustSay(t, dialogue{"www.example.org MX": one.want})
			}
		})
	}
}

// A zone transfer is no question for a name: secondaries get what the zone has.
func TestChainTransfer(t *testing.T) {
	t.Parallel()
	s := start(t, block("example.org:{$PORT}", "transfer {\nto *\n}\nfile {$ZONE_FILE}\n"+recordsOfFile),
		vars{"ZONE_FILE": writeFile(t, "db.example.org", dataOfFile)})
	by := dns.Transfer{DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience}
	transfer, err := by.In(new(dns.Msg).SetAxfr("example.org."), s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	var got dns.Msg
	for envelope := range transfer {
		if envelope.Error != nil {
			t.Fatal(envelope.Error)
		}
		for _, rr := range envelope.RR {
			if rr.Header().Rrtype == dns.TypeHTTPS || rr.Header().Rrtype == dns.TypeMX {
				got.Answer = append(got.Answer, rr)
			}
		}
	}
	const hinted = `1 . alpn="h2" ipv4hint=`
	const want = hinted + `"192.0.2.25" ` + hinted + `"192.0.2.26" ` + hinted + `"192.0.2.99" 10 mail.example.org.`
	if got := said(&got); got != want {
		t.Errorf("the transfer has %s, want %s", got, want)
	}
	s.mustSay(t, dialogue{"example.org AXFR": "REFUSED"}) // over UDP
}
