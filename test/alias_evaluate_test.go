package test_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// aliasTree is a record whose targets are records: nearest -> weighted ->
// failover. The leaves are healthy as the targets T1 to T4 are, and T5 is the
// last resort. Nobody says where clients are, so nearest answers with all.
const aliasTree = `
failover root.example.org {
    policy nearest
    primary eu.example.org {
        location 50 8
        evaluate_target_health
    }
    primary us.example.org {
        location 40 -100
        evaluate_target_health
    }
    secondary {$T5}
}
failover eu.example.org {
    policy weighted
    primary site1.example.org {
        weight 1
        evaluate_target_health
    }
    primary site2.example.org {
        weight 0
        evaluate_target_health
    }
}
failover us.example.org {
    policy weighted
    primary site3.example.org {
        weight 1
        evaluate_target_health
    }
}
`

// aliasLeaf is a failover record: primary, secondary.
func aliasLeaf(name, primary, secondary string) string {
	return fmt.Sprintf("failover %s {\nprimary {$%s}\nsecondary {$%s}\ncheck http {\nport {$TARGET_PORT}\nimport fast\n}\n}\n",
		name, primary, secondary)
}

// A target that is another record is healthy as long as that has an eligible
// target, through whole trees.
func TestAliasTree(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 6, ok)
	s := start(t, zone(aliasTree+
		aliasLeaf("site1.example.org", "T1", "T2")+
		"failover site2.example.org {\nprimary {$T3}\ncheck http {\nport {$TARGET_PORT}\nimport fast\n}\n}\n"+
		"failover site3.example.org {\nprimary {$T4}\ncheck http {\nport {$TARGET_PORT}\nimport fast\n}\n}\n"), sites.vars())
	s.log.await(t, 4, "unknown -> healthy")
	become := func(eu, us, root string) {
		t.Helper()
		awaitAnswer(t, s, "root.example.org", dns.TypeA, root)
		mustAnswer(t, s, "eu.example.org", dns.TypeA, eu)
		mustAnswer(t, s, "us.example.org", dns.TypeA, us)
		mustAnswer(t, s, "root.example.org", dns.TypeA, root)
	}
	ip := func(n ...int) string {
		var ips []string
		for _, i := range n {
			ips = append(ips, sites[i-1].ip)
		}
		return sorted(ips)
	}
	become(ip(1), ip(4), ip(1, 4))
	sites[0].stop()
	become(ip(2), ip(4), ip(2, 4)) // the leaf fails over, and the tree follows
	sites[1].stop()
	become(ip(3), ip(4), ip(3, 4)) // the leaf has nothing, the weight 0 stands in
	sites[2].stop()
	become(ip(1), ip(4), ip(4)) // Europe fails open, and the root leaves it out
	sites[3].stop()
	become(ip(1), ip(4), ip(5))
	sites[1].start(t)
	become(ip(2), ip(4), ip(2))
	s.log.mustLog(t, 1, "record root.example.org, IPv4: failed_over, tier 2 answers")
	s.log.mustLog(t, 1, "record root.example.org, IPv4: normal, tier 1 answers")
}

// Where a target has checks and evaluates, both must hold.
func TestAliasEvaluateAndCheck(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	last, web, checked := sites[0], sites[1], sites[2]
	s := start(t, zone(`
failover web.example.org {
    primary {$T2}
    check http {
        port {$TARGET_PORT}
        import fast
    }
}
failover www.example.org {
    primary web.example.org {
        evaluate_target_health
        check http {
            address {$T3}
            port {$TARGET_PORT}
            import fast
        }
    }
    secondary {$T1}
}
`), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, web.ip)
	for _, one := range []*target{web, checked} {
		one.stop()
		awaitAnswer(t, s, "www.example.org", dns.TypeA, last.ip)
		one.start(t)
		awaitAnswer(t, s, "www.example.org", dns.TypeA, web.ip)
	}
}

// Without evaluate_target_health the other record is answered whatever its
// state.
func TestAliasNotEvaluated(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, zone(`
failover web.example.org {
    primary {$T2}
    check http {
        port {$TARGET_PORT}
        import fast
    }
}
failover www.example.org {
    primary web.example.org {
        check none
    }
    secondary {$T1} {
        check none
    }
}
`), sites.vars())
	s.log.await(t, 1, "unknown -> healthy")
	sites[1].stop()
	s.log.await(t, 1, "record web.example.org, IPv4: fail_open")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
}

// aliasOnlyResolves is what is said at the start of a target whose health is
// that it resolves, and nothing else.
const aliasOnlyResolves = ": healthy means here that the name resolves; " +
	"unless it is of a service whose addresses come and go with its health, add a check"

// A name that vanishes is unhealthy without a single probe.
func TestAliasVanishes(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
	s := start(t, zone(`
forward . {$ORIGIN}
failover www.example.org {
    primary web.example.org {
        evaluate_target_health
    }
    secondary {$T1}
}
`), sites.vars(), origin.vars())
	s.log.mustLog(t, 1, "[WARNING] plugin/failover: record www.example.org, target web.example.org"+aliasOnlyResolves)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	origin.has(t, "")
	s.log.await(t, 1, "record www.example.org, IPv4: failed_over, tier 2 answers")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	origin.has(t, aliasA("web", sites[1].ip))
	s.log.await(t, 1, "record www.example.org, IPv4: normal, tier 1 answers")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	if n := sites[0].probes() + sites[1].probes(); n > 0 {
		t.Errorf("%d probes were made", n)
	}
	s.awaitMetric(t, 0, "checks")
}

// The same for next, in front of hosts and of a zone file that are read again.
func TestNextVanishes(t *testing.T) {
	t.Parallel()
	const zoneHead = "$ORIGIN example.org.\n$TTL 1\n@ IN SOA ns hostmaster %d 7200 3600 1209600 1\n"
	for name, one := range map[string]struct {
		lines, with, without string
	}{
		"hosts": {"hosts {$DATA} {\nreload 1s\nttl 1\nfallthrough\n}\n", "192.0.2.7 www.example.org\n", "192.0.2.8 other.example.org\n"},
		"file": {
			"file {$DATA} {\nreload 1s\n}\n", fmt.Sprintf(zoneHead, 1) + "www IN A 192.0.2.7\n",
			fmt.Sprintf(zoneHead, 2) + "www IN TXT text\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := writeFile(t, "data", one.with)
			s := start(t, zone(one.lines+`
failover www.example.org {
    primary next {
        evaluate_target_health
    }
    secondary 192.0.2.1
}
`), vars{"DATA": data})
			s.log.mustLog(t, 1, "[WARNING] plugin/failover: record www.example.org, target next"+aliasOnlyResolves)
			mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.7")
			rewriteFile(t, data, one.without)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
			s.log.await(t, 1, "record www.example.org, IPv4: failed_over, tier 2 answers")
			mustAnswer(t, s, "www.example.org", dns.TypeAAAA, "NODATA")
			if name == "hosts" {
				rewriteFile(t, data, one.with+"# again\n")
				awaitAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.7")
			}
		})
	}
}
