package test_test

import (
	"crypto/tls"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// renewed is the TLS configuration of a server whose certificate is exchanged
// while it runs.
func renewed(certificate *atomic.Pointer[tls.Certificate]) *tls.Config {
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return certificate.Load(), nil
	}}
}

// A server fails over before its certificate expires, and comes back when that is
// renewed.
func TestHealthTLSExpiry(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	issue := func(valid time.Duration) *tls.Certificate {
		certificate := ca.issue(t, valid, "www.example.org")
		return &certificate
	}
	var current atomic.Pointer[tls.Certificate]
	current.Store(issue(24 * time.Hour))
	site := startTLSTargets(t, 1, renewed(&current), silent)[0]
	s := start(t, zone(`
    failover www.example.org {
        primary {$T1}
        secondary `+lastResort+` {
            check none
        }
        check tls {$TARGET_PORT} {
            tls `+ca.file+`
            expires_in 12h
            import fast
        }
    }
`), targets{site}.vars())
	s.log.await(t, 1, "check tls", "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, site.ip)

	current.Store(issue(3 * time.Hour))
	awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
	s.log.await(t, 1, "healthy -> unhealthy", "certificate expires in ", "want at least 12")
	current.Store(issue(24 * time.Hour))
	awaitAnswer(t, s, "www.example.org", dns.TypeA, site.ip)
	site.stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
	s.log.await(t, 1, "healthy -> unhealthy", "connection refused")
}

// Three checks of three protocols, of which two must be healthy: one may fail.
func TestHealthRequireTwo(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	secure := startTLSTargets(t, 1, serving(ca.issue(t, time.Hour, "www.example.org")), silent)[0]
	web, asked := startTargets(t, 1, ok)[0], startSlowDNS(t, 0)
	s := start(t, zone(`
    failover www.example.org {
        primary 192.0.2.1
        secondary `+lastResort+`0 {
            check none
        }
        require 2
        check tls `+secure.port+` {
            address `+secure.ip+`
            tls `+ca.file+`
            import fast
        }
        check http {
            address `+web.ip+`
            port `+web.port+`
            import fast
        }
        check dns `+asked.port+` health.example.net TXT {
            address `+asked.ip+`
            import fast
        }
    }
`))
	const standby = lastResort + "0"
	s.log.await(t, 3, "unknown -> healthy")
	secure.stop()
	s.log.await(t, 1, "check tls", "healthy -> unhealthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
	web.behave(failing)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, standby)
	secure.start(t)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
	s.awaitTier(t, 1, "www.example.org", 1)
	web.behave(ok)
	s.log.await(t, 1, "check http", "unhealthy -> healthy")
	if changes := s.log.changes(); len(changes) != 2 {
		t.Errorf("got %q, want two changes", changes)
	}
}

// A check can be turned round, and left out, whatever its type.
func TestHealthInvertAndDisabled(t *testing.T) {
	t.Parallel()
	site, asked := startTargets(t, 1, ok)[0], startSlowDNS(t, 0)
	record := func(name, check, option string) string {
		kind, options, _ := strings.Cut(check, "\n")
		return `
    failover ` + name + `.example.org {
        primary 192.0.2.1
        secondary 192.0.2.2
        check ` + kind + ` {
            ` + options + `
            ` + option + `
            address {$HOST}
            import fast
        }
        check tcp {$TARGET_PORT} {
            address {$T1}
            import fast
        }
    }
`
	}
	const ask = "dns {$DNS_PORT} health.example.net TXT"
	s := start(t, zone(record("inverted", ask, "invert")+record("disabled", "tls 1", "disabled")+
		record("both", ask, "disabled\ninvert")+record("broadcast", "grpc 1", "invert")),
		targets{site}.vars(), vars{"HOST": asked.ip, "DNS_PORT": asked.port})
	for name, want := range map[string]string{
		"inverted":  "fail_open, tier 1 answers", // both targets have the same check, which succeeds
		"both":      "",
		"disabled":  "",
		"broadcast": "",
	} {
		if want != "" {
			s.log.await(t, 1, "record "+name+".example.org, IPv4: "+want)
		}
		awaitAnswer(t, s, name+".example.org", dns.TypeA, "192.0.2.1")
	}
	s.log.await(t, 1, "record broadcast.example.org, tier 1, target 192.0.2.1, check grpc",
		"unknown -> healthy", "the check failed, and invert makes that a success")
	s.awaitMetric(t, 0, "target_healthy", `record="both.example.org"`)
	s.awaitMetric(t, 2, "target_healthy", `record="disabled.example.org"`)
	s.awaitMetric(t, 2, "target_healthy", `record="broadcast.example.org"`)
	s.awaitMetric(t, 0, "target_healthy", `record="inverted.example.org"`)
}
