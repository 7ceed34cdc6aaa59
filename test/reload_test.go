package test_test

import (
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// extra is a record whose target is probed as often as can be, so that it shows
// soon whether it is probed.
const extra = `
    failover extra.example.org {
        primary {$EXTRA}
        check http {
            port {$EXTRA_PORT}
            interval 100ms
            threshold 10 1
        }
    }
`

// startExtra starts the target of the record extra.
func startExtra(t *testing.T) (*target, vars) {
	t.Helper()
	one := startTargets(t, 1, ok)[0]
	return one, vars{"EXTRA": one.ip, "EXTRA_PORT": one.port}
}

// versions of a Corefile that differ from each other in what matters to www.
func versions() []string {
	edited := strings.Replace(www, "import fast", "timeout 900ms\nimport fast", 1)
	return []string{
		zone(www + extra),
		zone("loadbalance\n" + strings.Replace(www, "check http", "ttl 5s\ncheck http", 1)),
		zone(edited), // another check in the place of the old one
		zone(extra + edited),
		zone(www),
	}
}

// While the configuration is replaced again and again, every question gets an
// answer, none of them the primary that is down, and no verdict is lost.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	_, extraVars := startExtra(t)
	s := start(t, zone(www), sites.vars(), extraVars)
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	s.log.await(t, 1, "IPv4: failed_over")
	transitions := s.log.find("record www.example.org", "->")

	f := startFlood(t, s, "www.example.org", 5000)
	for _, version := range versions() {
		f.awaitAnswers(t, 2000)
		s.reload(t, version)
	}
	f.awaitAnswers(t, 2000)
	total := 0
	for answer, n := range f.stop(t) {
		total += n
		if answer != sites[1].ip {
			t.Errorf("%d answers are %s, want %s", n, answer, sites[1].ip)
		}
	}
	if counted := s.metric(t, "answers_total", `record="www.example.org"`, `tier="2"`); counted < float64(total) {
		t.Errorf("%v answers of %d are counted", counted, total)
	}
	if got := s.log.find("record www.example.org", "->"); len(got) != len(transitions) {
		t.Errorf("a verdict changes by a reload: %q", got[len(transitions):])
	}

	sites[0].start(t)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
}

// The plugin reload does the same when the file has changed.
func TestReloadPlugin(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	_, extraVars := startExtra(t)
	const watched = "reload 2s 0s\n"
	s := start(t, zone(watched+www), sites.vars(), extraVars)
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	s.log.await(t, 1, "IPv4: failed_over")
	transitions := s.log.find("record www.example.org", "->")

	f := startFlood(t, s, "www.example.org", 1000)
	s.write(t, zone(watched+www+extra))
	s.log.await(t, 1, "[INFO] Reloading complete")
	f.awaitAnswers(t, 100)
	for answer, n := range f.stop(t) {
		if answer != sites[1].ip {
			t.Errorf("%d answers are %s, want %s", n, answer, sites[1].ip)
		}
	}
	if got := s.log.find("record www.example.org", "->"); len(got) != len(transitions) {
		t.Errorf("a verdict changes by a reload: %q", got[len(transitions):])
	}
	s.log.await(t, 1, "record extra.example.org", "unknown -> healthy")
}

// A configuration that can not start leaves the old one serving and probing,
// and nothing of its own behind.
func TestFailedReload(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", net.JoinHostPort(newIP(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	takenIP, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	const portTaken = "example.net:{$TAKEN_PORT} {\n bind {$TAKEN_IP}\n whoami\n}\n"

	for name, one := range map[string]struct {
		before, bad, reason string
		checks              float64 // before, and after the failure
	}{
		"error in failover": {
			www, zone(extra + strings.Replace(www, "secondary", "secondry", 1)),
			`"secondry"`, 2,
		},
		"error in another plugin": {www, zone(extra + www + "whoami too\n"), "plugin/whoami", 2},
		"port taken, after OnStartup": {
			www, zone(extra+www) + portTaken, "address already in use", 2,
		},
		"from a Corefile without failover": {
			"whoami\n", zone(extra) + portTaken, "address already in use", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			other, extraVars := startExtra(t)
			s := start(t, zone(one.before), sites.vars(), extraVars, vars{"TAKEN_IP": takenIP, "TAKEN_PORT": takenPort})
			s.log.await(t, int(one.checks), "unknown -> healthy")
			if reason := s.reloadFails(t, one.bad); !strings.Contains(reason, one.reason) {
				t.Errorf("the reload fails with %q, want something with %q", reason, one.reason)
			}
			s.awaitMetric(t, one.checks, "checks")
			probed := other.probes()

			if one.checks > 0 {
				sites[0].stop()
				awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
				sites[1].awaitProbes(t, 2)
			}
			s.reload(t, zone(www)) // and a good one still works
			sites[1].awaitProbes(t, 2)
			if one.checks > 0 {
				mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			}
			if more := other.probes() - probed; more > 1 { // which may have been on its way
				t.Errorf("the check of the bad Corefile goes on: probed %d times after the failure", more)
			}
		})
	}
}

// A check that the new Corefile has not stops, also the probe that is in flight.
func TestRemovedCheck(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	other, extraVars := startExtra(t)
	hanging := startTargets(t, 1, silent)[0]
	s := start(t, zone(www+extra+`
    failover hanging.example.org {
        primary {$HANGING}
        check http {
            port {$HANGING_PORT}
            interval 1h
            timeout 1h
        }
    }
`), sites.vars(), extraVars, vars{"HANGING": hanging.ip, "HANGING_PORT": hanging.port})
	s.log.await(t, 3, "unknown -> healthy")
	await(t, func() string {
		if hanging.open() != 1 {
			return "the hanging target is not probed"
		}
		return ""
	})

	s.reload(t, zone(www))
	s.awaitMetric(t, 2, "checks")
	probed := other.probes()
	await(t, func() string {
		if hanging.open() > 0 {
			return "the probe in flight goes on"
		}
		return ""
	})
	sites[0].awaitProbes(t, 3)
	if more := other.probes() - probed; more > 1 { // which may have been on its way
		t.Errorf("the removed check goes on: probed %d times after the reload", more)
	}

	s.reload(t, zone("whoami\n"))
	s.awaitMetric(t, 0, "checks")
}

// A check that has been edited begins with the verdict of the old one, and
// changes it by the rules.
func TestEditedCheck(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	sites[0].behave(failing)
	s := start(t, zone(www), sites.vars())
	s.log.await(t, 1, sites[0].ip, "unknown -> unhealthy", "status 503")
	s.log.await(t, 1, sites[1].ip, "unknown -> healthy")

	s.reload(t, zone(strings.Replace(www, "import fast", "status 200-299,503\nimport fast", 1)))
	answered := s.ask(t, "www.example.org", dns.TypeA)
	if risen := s.log.find(sites[0].ip, "unhealthy -> healthy"); len(risen) == 0 && answered != sites[1].ip {
		t.Errorf("right after the reload %s is answered, want %s", answered, sites[1].ip)
	}
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if got := s.log.transitions(); len(got) != 3 {
		t.Errorf("there are %d transitions, want 3: %q", len(got), got)
	}
}
