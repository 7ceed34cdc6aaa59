package test_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const (
	guardLost = "[ERROR] plugin/failover: guard: this server has lost its uplink, no verdict changes until it is back: "
	guardBack = "[INFO] plugin/failover: guard: passing"
)

// guarded are the settings of a process with a guard, which is the target named
// $GUARD in the Corefile.
func guarded(name string) string {
	return `
    failover {
        guard http /up {
            address {$` + name + `}
            port {$` + name + `_PORT}
            interval 5s
            fast_interval 100ms
        }
    }
`
}

// startGuard starts a target that is a guard's, and returns the variables that
// name it in a Corefile.
func startGuard(t testing.TB, name string) (*target, vars) {
	t.Helper()
	one := startTargets(t, 1, ok)[0]
	return one, vars{name: one.ip, name + "_PORT": one.port}
}

// awaitProbed waits until n more probes of http checks have had a result.
func (s *server) awaitProbed(t testing.TB, n float64, result string) {
	t.Helper()
	labels := []string{`type="http"`, fmt.Sprintf("result=%q", result)}
	enough := s.metric(t, "probes_total", labels...) + n
	await(t, func() string {
		if got := s.metric(t, "probes_total", labels...); got < enough {
			return fmt.Sprintf("there are %v probes with %s, want %v", got, result, enough)
		}
		return ""
	})
}

// A server that loses its own network changes nothing, and says so once; nor does
// it when the network is back. A target that is really dead is out then, as soon
// as without a guard.
func TestHealthGuard(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	uplink, guardVars := startGuard(t, "GUARD")
	s := start(t, zone(guarded("GUARD")+www), sites.vars(), guardVars)
	s.log.await(t, 2, "unknown -> healthy")
	s.awaitMetric(t, 1, "guard_state", `state="passing"`)

	for lost := 1; lost <= 2; lost++ {
		transitions := len(s.log.transitions())
		for _, one := range append(targets{uplink}, sites...) {
			one.stop()
		}
		s.log.await(t, lost, guardLost)
		s.awaitMetric(t, 1, "guard_state", `state="failing"`)
		s.awaitProbed(t, 20, "failure")
		mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
		for _, one := range append(slices.Clone(sites), uplink) {
			one.start(t)
		}
		s.log.await(t, lost+1, guardBack)
		s.awaitProbed(t, 6, "success")
		mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
		if got := s.log.transitions(); len(got) != transitions {
			t.Errorf("a lost uplink changes verdicts: %q", got[transitions:])
		}
		if got := s.log.find(guardLost); len(got) != lost {
			t.Errorf("the log says %q, want %d such lines", got, lost)
		}
	}
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	sites[0].start(t)
	s.awaitTier(t, 1, "www.example.org", 1)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if got := s.log.changes(); len(got) != 2 {
		t.Errorf("got %q, want two changes", got)
	}
}

// A failover does not wait for the guard's own interval: it is asked when it is
// needed. (Its interval is longer than this test has patience.)
func TestHealthGuardDoesNotDelay(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	uplink, guardVars := startGuard(t, "GUARD")
	seldom := strings.Replace(guarded("GUARD"), "interval 5s\n            fast_interval 100ms", "interval 1h\nfast_interval 1h", 1)
	s := start(t, zone(seldom+www), sites.vars(), guardVars)
	s.log.await(t, 2, "unknown -> healthy")
	s.log.await(t, 1, guardBack)
	for n := 1; n <= 2; n++ {
		sites[0].stop()
		s.log.await(t, n, sites[0].ip, "-> unhealthy")
		awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
		sites[0].start(t)
		awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	}
	if probes := uplink.probes(); probes < 3 || probes > 10 {
		t.Errorf("the guard has been probed %d times, want once for each failover, or a little more", probes)
	}
}

// A lost uplink that only the targets are told of is none: with a guard that
// works, all targets may fail.
func TestHealthGuardThatWorks(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	_, guardVars := startGuard(t, "GUARD")
	s := start(t, zone(guarded("GUARD")+www), sites.vars(), guardVars)
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	sites[1].stop()
	s.log.await(t, 2, "healthy -> unhealthy")
	s.log.await(t, 1, "IPv4: fail_open, tier 1 answers")
	if got := s.log.find(guardLost); len(got) != 0 {
		t.Errorf("the log says %q", got)
	}
}

// A reload may add a guard, exchange it and take it away. In the middle of a loss
// it changes nothing but by that: while the new one fails too, nothing flips.
func TestHealthGuardOnReload(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	one, oneVars := startGuard(t, "ONE")
	two, twoVars := startGuard(t, "TWO")
	s := start(t, zone(www), sites.vars(), oneVars, twoVars)
	s.log.await(t, 2, "unknown -> healthy")
	s.awaitMetric(t, 1, "guard_state", `state="none"`)
	stays := func(what string) {
		t.Helper()
		s.awaitProbed(t, 15, "failure")
		if got := s.ask(t, "www.example.org", dns.TypeA); got != sites[0].ip {
			t.Errorf("%s, the answer changes to %s", what, got)
		}
	}
	startAgain := func() {
		t.Helper()
		sites[0].start(t)
		awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	}

	s.reload(t, zone(guarded("ONE")+www)) // added
	s.awaitMetric(t, 1, "guard_state", `state="passing"`)
	one.stop()
	s.log.await(t, 1, guardLost)
	sites[0].stop()
	stays("with a guard added by a reload")
	s.reload(t, zone(guarded("ONE")+strings.Replace(www, "secondary", "ttl 9s\nsecondary", 1))) // kept
	stays("over a reload in a loss")

	s.reload(t, zone(guarded("TWO")+www)) // changed: this one works
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.awaitMetric(t, 1, "guard_state", `state="passing"`)
	startAgain()
	two.stop()
	s.log.await(t, 2, guardLost)
	sites[0].stop()
	stays("with a guard exchanged by a reload")
	s.reload(t, zone(guarded("ONE")+www)) // changed: this one fails as well
	stays("with a guard that fails after one that did")

	s.reload(t, zone(www)) // removed
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.awaitMetric(t, 1, "guard_state", `state="none"`)
	startAgain()
	if got := s.log.find(guardLost); len(got) != 2 {
		t.Errorf("the log says %q, want one line for each loss", got)
	}
}

// A guard that can not run on this machine guards nothing: the log says so, and
// failovers go on.
func TestHealthGuardBroken(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	guard := `
    failover {
        guard icmp {
            address {$T2}
            import fast
        }
    }
`
	s := launchProgram(t, withoutPing(t, program), zone(guard+www), sites.vars())
	s.awaitStart(t)
	s.log.await(t, 1, "[ERROR] plugin/failover: guard: broken, verdicts change without it: cannot probe: ICMP is not permitted")
	s.awaitMetric(t, 1, "guard_state", `state="broken"`)
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
}

// The settings of the process stand in one server block. A second place is an
// error that names both, at a start and at a reload.
func TestHealthGuardTwice(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	_, guardVars := startGuard(t, "GUARD")
	first := zone(guarded("GUARD") + www)
	twice := first + "example.net:{$PORT} {\nbind {$IP}\n" + guarded("GUARD") + "whoami\n}\n"
	lines := func(n int) string {
		return fmt.Sprint(1 + strings.Count(twice[:nth(twice, "failover {", n)], "\n"))
	}
	want := func(s *server) string {
		return s.corefile + ":" + lines(2) + ": the settings of the process stand at " + s.corefile + ":" + lines(1) + " already"
	}
	bad := launch(t, twice, sites.vars(), guardVars)
	if code := bad.awaitEnd(t); code <= 0 || len(bad.log.find(want(bad))) != 1 {
		t.Errorf("the exit status is %d and the message\n%swant\n%s", code, bad.log, want(bad))
	}
	s := start(t, first, sites.vars(), guardVars)
	s.log.await(t, 2, "unknown -> healthy")
	if got := s.reloadFails(t, twice); !strings.HasSuffix(got, want(s)) {
		t.Errorf("the reload fails with\n%s\nwant\n%s", got, want(s))
	}
	s.awaitMetric(t, 1, "guard_state", `state="passing"`)
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
}

// nth returns where the n-th part begins in s.
func nth(s, part string, n int) int {
	at := -1
	for range n {
		at += 1 + strings.Index(s[at+1:], part)
	}
	return at
}
