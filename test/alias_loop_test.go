package test_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// An alias that leads back to its record is an error where the Corefile shows
// it.
func TestAliasLoopInCorefile(t *testing.T) {
	t.Parallel()
	for name, records := range map[string]string{
		"to itself":     aliasRecord("www.example.org", "primary www.example.org\nsecondary 192.0.2.1"),
		"through two":   aliasRecord("www.example.org", "primary a.example.org") + aliasRecord("a.example.org", "primary 192.0.2.1\nsecondary www.example.org"),
		"to a wildcard": aliasRecord("*.example.org", "primary any.example.org\nsecondary 192.0.2.1"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := launch(t, zone(records), vars{"TARGET_PORT": "80"})
			if code := s.awaitEnd(t); code != 1 {
				t.Errorf("the exit status is %d, want 1", code)
			}
			if text := s.log.String(); !strings.Contains(text, "leads back to this record") {
				t.Errorf("the error is %s", text)
			}
		})
	}
}

// Where only the data of other plugins lead back, the record is answered with
// SERVFAIL, or by its next tier, and the log says why, once.
func TestAliasLoopThroughFile(t *testing.T) {
	t.Parallel()
	zoneFile := writeFile(t, "zone", aliasSOA+`
back   60 IN CNAME www
backa  60 IN CNAME a
backb  60 IN CNAME b
circle 60 IN CNAME circle2
circle2 60 IN CNAME circle
`)
	s := start(t, block("example.org:{$PORT}", "file {$ZONE}\n"+
		"failover www.example.org {\nprimary back.example.org\ncheck none\n}\n"+
		"failover a.example.org {\nprimary backb.example.org\ncheck none\n}\n"+
		"failover b.example.org {\nprimary backa.example.org\ncheck none\n}\n"+
		"failover c.example.org {\nprimary circle.example.org\ncheck none\n}\n"+
		"failover d.example.org {\nprimary back.example.org\nsecondary 192.0.2.2\ncheck none\n}\n"),
		vars{"ZONE": zoneFile})
	for range 3 {
		for _, name := range []string{"www", "a", "b", "c"} {
			mustAnswer(t, s, name+".example.org", dns.TypeA, "SERVFAIL")
		}
		mustAnswer(t, s, "d.example.org", dns.TypeA, "192.0.2.2")
	}
	const loop = "an alias of it leads back to it through what other plugins answer"
	s.log.mustLog(t, 1, "[ERROR] plugin/failover: record www.example.org: "+loop)
	if found := s.log.find("[ERROR] plugin/failover: record ", loop); len(found) < 2 || len(found) > 3 {
		t.Errorf("got %q, want a line for www and one for a, b or both", found)
	}
}

// A loop that the data end is over for the record too.
func TestAliasLoopEnds(t *testing.T) {
	t.Parallel()
	zoneFile := writeFile(t, "zone", aliasSOA+"back 1 IN CNAME www\n")
	s := start(t, block("example.org:{$PORT}", "file {$ZONE} {\nreload 1s\n}\n"+
		"failover www.example.org {\nprimary back.example.org\ncheck none\n}\n"), vars{"ZONE": zoneFile})
	mustAnswer(t, s, "www.example.org", dns.TypeA, "SERVFAIL")
	rewriteFile(t, zoneFile, strings.Replace(aliasSOA, " 1 7200", " 2 7200", 1)+"back 1 IN A 192.0.2.1\n")
	awaitAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
}
