package test_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// fast is a snippet for checks: quick enough for a test, and slow enough for a
// busy machine.
const fast = `
(fast) {
    interval 1s
    fast_interval 100ms
    threshold 3 2
}
`

// www is a record with a primary and a secondary that are asked over HTTP.
const www = `
    failover www.example.org {
        primary {$T1}
        secondary {$T2}
        check http /healthz {
            port {$TARGET_PORT}
            import fast
        }
    }
`

// zone is a server block for example.org with what a test adds to it.
func zone(lines string) string {
	return fast + `
example.org:{$PORT} {
    bind {$IP}
    errors
    prometheus {$METRICS}
` + lines + `
}
`
}

// A failure and a recovery, and all that is seen of it: the answers, the log,
// the metrics.
func TestFailoverAndFailback(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	primary, secondary := sites[0], sites[1]
	s := start(t, zone(www), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, primary.ip)
	s.mustShow(t, 1, "normal")

	primary.stop()
	s.log.await(t, 1, ", IPv4: failed_over, tier 2 answers, was normal, tier 1 answers")
	mustAnswer(t, s, "wWw.example.org", dns.TypeA, secondary.ip)
	s.mustShow(t, 2, "failed_over")

	primary.start(t)
	s.log.await(t, 1, ", IPv4: normal, tier 1 answers, was failed_over, tier 2 answers")
	mustAnswer(t, s, "www.example.org", dns.TypeA, primary.ip)
	s.mustShow(t, 1, "normal")

	const held = ` \(was [a-z]+ for [0-9.]+m?s\): `
	check := fmt.Sprintf(", check http :%s/healthz: ", primary.port)
	s.log.mustMatchOnce(t,
		"tier 1, target "+primary.ip+check+"unknown -> healthy"+held+"the check succeeded",
		"tier 2, target "+secondary.ip+check+"unknown -> healthy"+held+"the check succeeded",
		"tier 1, target "+primary.ip+check+"healthy -> unhealthy"+held+"connection refused",
		"tier 1, target "+primary.ip+check+"unhealthy -> healthy"+held+"the check succeeded",
	)
	if got := s.log.transitions(); len(got) != 4 {
		t.Errorf("%d transitions are logged, want 4: %q", len(got), got)
	}
	if got := s.log.changes(); len(got) != 2 {
		t.Errorf("%d changes of the answer are logged, want 2: %q", len(got), got)
	}
	m := s.metrics(t)
	for to, want := range map[string]float64{"healthy": 2, "unhealthy": 1} {
		label := fmt.Sprintf("to=%q", to)
		if got := m.sum("coredns_failover_target_transitions_total", `tier="1"`, label); got != want {
			t.Errorf("the primary has had %v transitions to %s, want %v", got, to, want)
		}
	}
	if succeeded := m.sum("coredns_failover_probes_total", `type="http"`, `result="success"`); succeeded < 4 {
		t.Errorf("%v probes are counted as success", succeeded)
	}
}

// mustShow compares the metrics of www.example.org with its active tier and its
// state, and with answers that are asked for meanwhile.
func (s *server) mustShow(t *testing.T, tier int, state string) {
	t.Helper()
	const asked = 5
	active := fmt.Sprintf("tier=\"%d\"", tier)
	before := s.metrics(t)
	for range asked {
		s.ask(t, "www.example.org", dns.TypeA)
	}
	after := s.metrics(t)
	record := `record="www.example.org"`
	gained := func(metric string, labels ...string) float64 {
		return after.sum(metric, labels...) - before.sum(metric, labels...)
	}
	for _, one := range []struct {
		what      string
		got, want float64
	}{
		{"answers of the active tier", gained("coredns_failover_answers_total", record, active), asked},
		{"answers of all tiers", gained("coredns_failover_answers_total", record), asked},
		{"active tier", after.sum("coredns_failover_record_active_tier", record, `family="IPv4"`), float64(tier)},
		{"state " + state, after.sum("coredns_failover_record_state", record, fmt.Sprintf("state=%q", state)), 1},
		{"states", after.sum("coredns_failover_record_state", record), 1},
		{"health of the active tier", after.sum("coredns_failover_target_healthy", record, active), 1},
		{"healthy targets", after.sum("coredns_failover_target_healthy", record), float64(3 - tier)},
		{"checks", after.sum("coredns_failover_checks"), 2},
		{"broken checks", after.sum("coredns_failover_checks_broken"), 0},
	} {
		if one.got != one.want {
			t.Errorf("with tier %d active, the metric for %s is %v, want %v", tier, one.what, one.got, one.want)
		}
	}
}

// The plugin log can say which record, tier and target answered.
func TestMetadata(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, zone(`
    metadata
    log . "answer {/failover/record} {/failover/tier} {/failover/target}"
`+www), sites.vars())
	s.ask(t, "WWW.example.org", dns.TypeA)
	s.log.await(t, 1, "answer www.example.org. 1 "+sites[0].ip)

	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.log.await(t, 1, "answer www.example.org. 2 "+sites[1].ip)
}

// What is answered when both are down is for fail to say.
func TestBothDown(t *testing.T) {
	t.Parallel()
	records := map[string]struct{ fail, want string }{
		"default.example.org": {"", "primary"},
		"open.example.org":    {"fail open", "primary"},
		"closed.example.org":  {"fail closed", "SERVFAIL"},
		"refused.example.org": {"fail closed REFUSED", "REFUSED"},
		"nodata.example.org":  {"fail closed NODATA", "NODATA"},
		"next.example.org":    {"fail next", "192.0.2.99"},
		"absent.example.org":  {"fail next", "NODATA"}, // not in the file
	}
	lines := "    file {$ZONE_FILE}\n"
	for name, r := range records {
		lines += fmt.Sprintf(`
    failover %s {
        primary {$T1}
        secondary {$T2}
        check http {
            port {$TARGET_PORT}
            import fast
        }
        ttl 7s
        %s
    }
`, name, r.fail)
	}
	sites := startTargets(t, 2, ok)
	zoneFile := writeFile(t, "db.example.org", `
$ORIGIN example.org.
@    3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600
@    3600 IN NS  ns
next   60 IN A   192.0.2.99
`)
	s := start(t, zone(lines), sites.vars(), vars{"ZONE_FILE": zoneFile})
	for name := range records {
		mustAnswer(t, s, name, dns.TypeA, sites[0].ip)
	}

	sites[0].stop()
	sites[1].stop()
	for name, r := range records {
		want := r.want
		if want == "primary" {
			s.log.await(t, 1, name+", IPv4: fail_open, tier 1 answers")
			want = sites[0].ip
		}
		awaitAnswer(t, s, name, dns.TypeA, want)
		mustAnswer(t, s, name, dns.TypeA, want)
	}
	reply := s.exchange(t, "udp", question("nodata.example.org", dns.TypeA))
	soa, isSOA := firstOf(reply.Ns).(*dns.SOA)
	if !isSOA || soa.Hdr.Name != "example.org." || soa.Hdr.Ttl != 7 || soa.Minttl != 7 || soa.Ns != "ns.example.org." {
		t.Errorf("NODATA comes with %v, want the SOA of the file with a TTL of 7", reply.Ns)
	}

	sites[1].start(t)
	for name := range records {
		awaitAnswer(t, s, name, dns.TypeA, sites[1].ip)
	}
}

// Fewer results in a row than the threshold change nothing, in both directions.
func TestFlappingBelowTheThreshold(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		settle, flap []behaviour
		verdict      string
		tier         int
	}{
		"healthy": {
			[]behaviour{ok},
			[]behaviour{failing, failing, ok},
			"unknown -> healthy", 1,
		},
		"unhealthy": {
			[]behaviour{failing},
			[]behaviour{ok, failing},
			"unknown -> unhealthy", 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			primary, active := sites[0], sites[one.tier-1]
			primary.behave(inTurn(one.settle...))
			// A late answer is a failure, so there is much time for one.
			s := start(t, zone(strings.Replace(www, "import fast", "interval 4s\nfast_interval 100ms\ndown_interval 100ms\nthreshold 3 2", 1)), sites.vars())
			s.log.await(t, 1, primary.ip, one.verdict)
			s.log.await(t, 1, sites[1].ip, "unknown -> healthy")
			transitions := len(s.log.transitions())

			primary.behave(inTurn(one.flap...))
			enough := primary.probes() + 9
			await(t, func() string {
				if got := s.ask(t, "www.example.org", dns.TypeA); got != active.ip {
					t.Fatalf("flapping changes the answer to %s", got)
				}
				if primary.probes() < enough {
					return "the primary has not been probed often enough"
				}
				return ""
			})
			if got := s.log.transitions(); len(got) != transitions {
				t.Errorf("flapping changes a verdict: %q", got)
			}
		})
	}
}

func firstOf(rrs []dns.RR) dns.RR {
	if len(rrs) == 0 {
		return nil
	}
	return rrs[0]
}
