package test_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// On SIGTERM with lameduck, CoreDNS goes on as before until lameduck is over:
// it answers, probes and fails over. Then nothing of it is left.
func TestLameduck(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, zone(`
    health {$HEALTH} {
        lameduck 10s
    }
`+www), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")

	s.signal(t, syscall.SIGTERM)
	s.log.await(t, 1, "Going into lameduck mode for 10s")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	sites[1].awaitProbes(t, 1)

	if code := s.awaitEnd(t); code != 0 {
		t.Errorf("the exit status is %d, want 0", code)
	}
	if err := syscall.Kill(-s.command.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("CoreDNS has left a process behind: %v", err)
	}
	sites[1].awaitOpen(t, 0)
}

// A process that is killed leaves nothing that the next one stumbles over.
func TestKill(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, zone(www), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	s.kill(t)

	again := start(t, zone(www), sites.vars())
	mustAnswer(t, again, "www.example.org", dns.TypeA, sites[0].ip)
}
