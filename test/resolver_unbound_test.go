package test_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// unboundConf is a resolver that asks a server for example.org.
const unboundConf = `
server:
    interface: $IP@$PORT
    access-control: 127.0.0.0/8 allow
    do-daemonize: no
    use-syslog: no
    logfile: ""
    log-servfail: yes
    verbosity: 1
    chroot: ""
    username: ""
    directory: "$DIR"
    pidfile: "$DIR/unbound.pid"
    num-threads: 1
    do-not-query-localhost: no
    module-config: "$MODULES"
    $MORE
stub-zone:
    name: "example.org"
    stub-addr: $SERVER@$SERVER_PORT
remote-control:
    control-enable: no
`

// startUnbound runs unbound in front of a server, and returns it as what answers
// questions.
func startUnbound(t testing.TB, s *server, modules string, more ...string) *server {
	t.Helper()
	path := findProgram(t, "unbound", "unbound and unbound-anchor")
	front := s.at(newIP(t), "")
	front.port = freePorts(t, front.ip, 1)[0]
	runOther(t, path, "-d", "-p", "-c", writeExpanded(t, "unbound.conf", unboundConf, vars{
		"IP": front.ip, "PORT": front.port, "DIR": t.TempDir(), "MODULES": modules,
		"SERVER": s.ip, "SERVER_PORT": s.port, "MORE": strings.Join(more, "\n    "),
	}))
	await(t, func() string {
		probe := question("version.server", dns.TypeTXT)
		probe.Question[0].Qclass = dns.ClassCHAOS
		client := dns.Client{Timeout: time.Second}
		if _, _, err := client.Exchange(probe, front.endpoint()); err != nil {
			return fmt.Sprintf("unbound does not answer: %v", err)
		}
		return ""
	})
	return front
}

// ttlRecord is a record as healthy as the targets, with a TTL.
func ttlRecord(ttl string) string {
	return strings.Replace(switching("www.example.org", "192.0.2.1", "192.0.2.2"), "ttl 600s", ttl, 1)
}

// mustFollow fails unless unbound is at an address soon after the server has
// come to its tier: when the TTL is over, by which it is told.
func mustFollow(t testing.TB, s, front *server, n, tier int, ttl time.Duration) {
	t.Helper()
	s.awaitTier(t, n, "www.example.org", tier)
	switched := time.Now()
	awaitAnswer(t, front, "www.example.org", dns.TypeA, fmt.Sprintf("192.0.2.%d", tier))
	// A second for how unbound rounds, and some for a busy machine.
	if took := time.Since(switched); took > ttl+4*time.Second {
		t.Errorf("unbound follows to tier %d after %v, want at most the TTL of %v", tier, took, ttl)
	}
}

// A resolver in front follows a failover and a failback within the TTL.
func TestResolverUnboundFollows(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	sites := startTargets(t, 2, ok)
	s := start(t, zone(ttlRecord("ttl 2s")), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	front := startUnbound(t, s, "iterator")
	awaitAnswer(t, front, "www.example.org", dns.TypeA, "192.0.2.1")
	for n := 1; n <= 2; n++ {
		sites[0].stop()
		mustFollow(t, s, front, n, 2, ttl)
		sites[0].start(t)
		mustFollow(t, s, front, n, 1, ttl)
	}
	// Meanwhile it has asked once per TTL, not for each question.
	mustStayCached(t, s, front)
}

// mustStayCached fails where the resolver asks the server for every question.
func mustStayCached(t testing.TB, s, front *server) {
	t.Helper()
	before := s.metric(t, "answers_total")
	for range 100 {
		front.ask(t, "www.example.org", dns.TypeA)
	}
	if more := s.metric(t, "answers_total") - before; more > 50 {
		t.Errorf("of 100 questions the resolver passes %v on", more)
	}
}

// With "ttl 30s 1s" a resolver keeps answers for long, and still follows a
// failing primary quickly: the TTL shrinks before the switch.
func TestResolverUnboundFollowsShrinkingTTL(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, zone(ttlRecord("ttl 30s 1s")), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	front := startUnbound(t, s, "iterator")
	awaitAnswer(t, front, "www.example.org", dns.TypeA, "192.0.2.1")
	sites[0].stop()
	mustFollow(t, s, front, 1, 2, time.Second)
	sites[0].start(t)
	mustFollow(t, s, front, 1, 1, time.Second)
}

// NODATA and SERVFAIL are not kept for longer than the TTL either.
func TestResolverUnboundFollowsRecovery(t *testing.T) {
	t.Parallel()
	for fail, want := range map[string]string{"closed NODATA": "NODATA", "closed": "SERVFAIL"} {
		t.Run(fail, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 1, ok)
			s := start(t, zone(`
    failover www.example.org {
        primary {$T1}
        ttl 2s
        fail `+fail+webCheck+`
    }
`), sites.vars())
			s.log.await(t, 1, "unknown -> healthy")
			front := startUnbound(t, s, "iterator")
			awaitAnswer(t, front, "www.example.org", dns.TypeA, sites[0].ip)
			sites[0].stop()
			awaitAnswer(t, front, "www.example.org", dns.TypeA, want)
			sites[0].start(t)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			back := time.Now()
			awaitAnswer(t, front, "www.example.org", dns.TypeA, sites[0].ip)
			// unbound itself keeps a SERVFAIL for 5s.
			if took := time.Since(back); took > 12*time.Second {
				t.Errorf("unbound follows after %v", took)
			}
		})
	}
}

// A resolver that tells its clients' networks keeps an answer only for those that
// it is good for: each client gets its own target.
func TestResolverUnboundTellsClients(t *testing.T) {
	t.Parallel()
	const inside, outside = "127.253.1.1", "127.253.2.1"
	s := start(t, zone(policyRecord("www.example.org", "clients", anyHealthy+withOptions("primary",
		"192.0.2.1: clients 127.253.1.0/24", "192.0.2.2: clients *"))+
		policyRecord("sticky.example.org", "sticky", anyHealthy+"primary 192.0.2.1 192.0.2.2 192.0.2.3\n")))
	front := startUnbound(t, s, "subnetcache iterator", "send-client-subnet: "+s.ip, "client-subnet-always-forward: yes",
		"max-client-subnet-ipv4: 24")
	for range 3 {
		for from, want := range map[string]string{inside: "192.0.2.1", outside: "192.0.2.2"} {
			if got := front.queryFrom(t, from, "www.example.org", dns.TypeA); got != want {
				t.Errorf("through unbound, %s gets %s, want %s", from, got, want)
			}
		}
	}
	for n := range 20 {
		from := fmt.Sprintf("127.7.%d.1", n)
		want := s.queryFrom(t, from, "sticky.example.org", dns.TypeA)
		if got := front.queryFrom(t, from, "sticky.example.org", dns.TypeA); got != want {
			t.Errorf("through unbound, %s gets %s, want %s", from, got, want)
		}
	}
}
