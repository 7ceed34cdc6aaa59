package test_test

import (
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// signedRecord is a zone that dnssec signs, with a record as healthy as the
// targets.
func signedRecord(key signingKey, record string) string {
	return zone("dnssec {\nkey file " + key.file + "\n}\nfile {$ZONE_FILE}\n" + record)
}

// trusting is the line of unbound.conf for the key of example.org.
func trusting(key signingKey) string {
	return fmt.Sprintf(`trust-anchor: "example.org. 3600 IN DNSKEY %d 3 %d %s"`, key.Flags, key.Algorithm, key.PublicKey)
}

// watch asks judge over and over, in the background, until the end: what is wrong
// at any time fails the test. It returns what waits for the next judgements.
func watch(t *testing.T, judge func() error) (awaitMore func(n int64)) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	var judged atomic.Int64
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := judge(); err != nil {
				t.Error(err)
				return
			}
			judged.Add(1)
		}
	}()
	t.Cleanup(func() { close(done); <-ended })
	return func(n int64) {
		t.Helper()
		enough := judged.Load() + n
		await(t, func() string {
			if !t.Failed() && judged.Load() < enough {
				return "there are too few judgements"
			}
			return ""
		})
	}
}

// switchTwice fails over and back, with some judgements before, between and
// after.
func switchTwice(t *testing.T, s *server, sites targets, awaitMore func(int64), arrived func(tier int)) {
	t.Helper()
	arrived(1)
	awaitMore(5)
	for n := 1; n <= 2; n++ {
		sites[0].stop()
		s.awaitTier(t, n, "www.example.org", 2)
		arrived(2)
		awaitMore(5)
		sites[0].start(t)
		s.awaitTier(t, n, "www.example.org", 1)
		arrived(1)
		awaitMore(5)
	}
}

// Every answer of unbound with the zone's key as its trust anchor is secure,
// before, during and after a switch.
func TestResolverUnboundValidates(t *testing.T) {
	t.Parallel()
	key, sites := newSigningKey(t, "example.org."), startTargets(t, 2, ok)
	s := start(t, signedRecord(key, ttlRecord("ttl 1s")), sites.vars(), vars{"ZONE_FILE": writeFile(t, "db", signedFile)})
	s.log.await(t, 2, "unknown -> healthy")
	front := startUnbound(t, s, "validator iterator", trusting(key))
	kinds := []struct {
		qtype uint16
		want  string
	}{{dns.TypeA, "192.0.2."}, {dns.TypeAAAA, "NODATA"}, {dns.TypeTXT, "NODATA"}}
	awaitMore := watch(t, func() error {
		for _, kind := range kinds {
			client := dns.Client{Timeout: patience}
			reply, _, err := client.Exchange(withDO(question("www.example.org", kind.qtype)), front.endpoint())
			if err != nil {
				return err
			}
			if got := said(reply); !reply.AuthenticatedData || !strings.HasPrefix(got, kind.want) {
				return fmt.Errorf("unbound says %q (AD is %v), want %s and secure", got, reply.AuthenticatedData, kind.want)
			}
		}
		return nil
	})
	switchTwice(t, s, sites, awaitMore, func(tier int) {
		awaitAnswer(t, front, "www.example.org", dns.TypeA, fmt.Sprintf("192.0.2.%d", tier))
	})
	mustRefuseForged(t, s)
}

// mustRefuseForged shows that unbound does look: with another key nothing is
// secure.
func mustRefuseForged(t testing.TB, s *server) {
	t.Helper()
	other := startUnbound(t, s, "validator iterator", trusting(newSigningKey(t, "example.org.")))
	if got := other.ask(t, "www.example.org", dns.TypeA); got != "SERVFAIL" {
		t.Errorf("with another key unbound answers %s", got)
	}
}

// Every answer is fully validated by delv, before, during and after a switch.
func TestResolverDelvValidates(t *testing.T) {
	t.Parallel()
	delv := findProgram(t, "delv", "bind9-dnsutils")
	key, sites := newSigningKey(t, "example.org."), startTargets(t, 2, ok)
	s := start(t, signedRecord(key, ttlRecord("ttl 1s")), sites.vars(), vars{"ZONE_FILE": writeFile(t, "db", signedFile)})
	s.log.await(t, 2, "unknown -> healthy")
	anchor := writeFile(t, "anchor", fmt.Sprintf("trust-anchors { example.org. static-key %d 3 %d %q; };\n",
		key.Flags, key.Algorithm, key.PublicKey))
	awaitMore := watch(t, func() error {
		for qtype, want := range map[string]string{"A": "; fully validated", "AAAA": "; negative response, fully validated"} {
			out, err := exec.Command(delv, "@"+s.ip, "-p", s.port, "-a", anchor, "+root=example.org", "www.example.org", qtype).CombinedOutput()
			if err != nil || !strings.Contains(string(out), want) {
				return fmt.Errorf("delv %s: %w\n%s\nwant %s", qtype, err, out, want)
			}
		}
		return nil
	})
	switchTwice(t, s, sites, awaitMore, func(tier int) {
		awaitAnswer(t, s, "www.example.org", dns.TypeA, fmt.Sprintf("192.0.2.%d", tier))
	})
}

// What a signed denial denies is not kept for longer than the TTL either, although
// unbound makes denials of its own out of NSEC records that it has (RFC 8198).
func TestResolverUnboundFollowsSignedRecovery(t *testing.T) {
	t.Parallel()
	key, sites := newSigningKey(t, "example.org."), startTargets(t, 1, ok)
	s := start(t, signedRecord(key, `
    failover www.example.org {
        primary {$T1}
        ttl 2s
        fail closed NODATA`+webCheck+`
    }
`), sites.vars(), vars{"ZONE_FILE": writeFile(t, "db", signedFile)})
	s.log.await(t, 1, "unknown -> healthy")
	front := startUnbound(t, s, "validator iterator", trusting(key), "aggressive-nsec: yes")
	awaitAnswer(t, front, "www.example.org", dns.TypeA, sites[0].ip)
	sites[0].stop()
	awaitAnswer(t, front, "www.example.org", dns.TypeA, "NODATA")
	sites[0].start(t)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	back := time.Now()
	awaitAnswer(t, front, "www.example.org", dns.TypeA, sites[0].ip)
	if took := time.Since(back); took > 6*time.Second {
		t.Errorf("unbound follows after %v, want at most the TTL of 2s", took)
	}
}
