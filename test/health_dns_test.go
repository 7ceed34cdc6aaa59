package test_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// originOf is a Corefile of a CoreDNS that is probed, and what it answers every
// question with, as the plugin template writes it.
func originOf(reply string) string {
	return fmt.Sprintf("example.net:{$PORT} {\nbind {$IP}\ntemplate IN ANY {\n%s\n}\n}\n", reply)
}

const fine = `answer "{{ .Name }} 5 IN A 192.0.2.99"`

// again runs a process that has ended once more, where it was.
func (s *server) again(t testing.TB) {
	t.Helper()
	s.log, s.ended = new(logged), make(chan struct{})
	s.run(t)
	s.awaitStart(t)
}

// Two CoreDNS are probed by a third: one that does not answer, or that has
// crashed, is unhealthy until it answers again.
func TestHealthDNS(t *testing.T) {
	t.Parallel()
	primary, secondary := start(t, originOf(fine)), start(t, originOf(fine))
	s := start(t, zone(fmt.Sprintf(`
    failover www.example.org {
        primary %s {
            check dns %s health.example.net {
                import fast
            }
        }
        secondary %s {
            check dns %s health.example.net A {
                import fast
            }
        }
    }
`, primary.ip, primary.port, secondary.ip, secondary.port)))
	s.log.await(t, 2, "check dns", "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, primary.ip)

	for reply, reason := range map[string]string{
		"rcode SERVFAIL": "SERVFAIL", "rcode NXDOMAIN": "NXDOMAIN", "rcode NOERROR": "NOERROR without an answer",
	} {
		primary.reload(t, originOf(reply))
		awaitAnswer(t, s, "www.example.org", dns.TypeA, secondary.ip)
		s.log.await(t, 1, primary.ip, " -> unhealthy", "): "+reason)
		primary.reload(t, originOf(fine))
		awaitAnswer(t, s, "www.example.org", dns.TypeA, primary.ip)
	}
	primary.kill(t)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, secondary.ip)
	primary.again(t)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, primary.ip)
}
