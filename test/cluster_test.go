package test_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The cluster DNS of Kubernetes: a pod sees the switch with its next question,
// never an old answer out of the cache, and all other names are forwarded and
// cached as ever.
func TestClusterCorefile(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	primary, secondary := sites[0], sites[1]
	above := startUpstream(t, `
@   3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600
www 3600 IN A   192.0.2.80
api 3600 IN A   192.0.2.81
`)
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("db%d.corp.example", i))
	}
	s := start(t, `
.:{$PORT} {
    bind {$IP}
    errors
    health {$HEALTH} {
        lameduck 1s
    }
    ready {$READY}
    failover `+strings.Join(names, " ")+` {
        primary {$T1}
        secondary {$T2}
        ttl 30s
        check tcp {$TARGET_PORT} {
            interval 1s
            fast_interval 100ms
            threshold 3 2
        }
    }
    prometheus {$METRICS}
    forward . {$UPSTREAM} {
        max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`, sites.vars(), vars{"UPSTREAM": above.address})
	s.log.await(t, 2, "unknown -> healthy")
	if !s.ready(t) {
		t.Error("it is not ready")
	}
	everyName := func(want string) {
		t.Helper()
		for _, name := range names {
			if got := s.ask(t, name, dns.TypeA); got != want {
				t.Errorf("%s is answered with %s, want %s", name, got, want)
			}
		}
	}

	for range 3 {
		everyName(primary.ip)
		s.mustSay(t, dialogue{"www.example.org A": "192.0.2.80", "api.example.org A": "192.0.2.81"})
	}
	primary.stop()
	s.log.await(t, len(names), ", IPv4: failed_over, tier 2 answers")
	everyName(secondary.ip)
	primary.start(t)
	s.log.await(t, len(names), ", IPv4: normal, tier 1 answers")
	everyName(primary.ip)

	for _, name := range []string{"www.example.org", "api.example.org"} {
		if got := above.questions(name, dns.TypeA); got != 1 {
			t.Errorf("the upstream is asked %d times for %s, want once: the rest is cached", got, name)
		}
	}
	for _, name := range names {
		if got := above.questions(name, dns.TypeA); got != 0 {
			t.Errorf("the upstream is asked for %s", name)
		}
	}
	if got := s.ask(t, "missing.corp.example", dns.TypeA); got != "NXDOMAIN" {
		t.Errorf("a name of nobody is answered with %s", got)
	}
	if got := s.ask(t, names[0], dns.TypeMX); got != "NODATA" {
		t.Errorf("an MX question for a record's name is answered with %s", got)
	}
}
