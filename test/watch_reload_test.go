package test_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// awaitOpen waits until so many connections to the target are open.
func (tg *target) awaitOpen(t testing.TB, want int) {
	t.Helper()
	await(t, func() string {
		if got := tg.open(); got != want {
			return fmt.Sprintf("%d connections to %s are open, want %d", got, tg.ip, want)
		}
		return ""
	})
}

// A check that is watched keeps its connection over reloads that leave it as it is.
// It is closed when the check is watched no longer, when its record is gone, and
// when the process ends.
func TestWatchReload(t *testing.T) {
	t.Parallel()
	site := startTargets(t, 1, lasting)[0]
	options := "port " + site.port + "; import watching"
	with := watched(site.ip, "http", options)
	s := start(t, with)
	s.log.await(t, 1, "unknown -> healthy")
	keeps := func(probes int64) {
		t.Helper()
		if got := site.probes(); site.open() != 1 || got != probes {
			t.Errorf("the target has had %d connections, of which %d are open, want %d and 1", got, site.open(), probes)
		}
	}
	keeps(1)
	for n := range 5 {
		s.reload(t, strings.Replace(with, "secondary", fmt.Sprintf("ttl %ds\n        secondary", n+1), 1))
		keeps(1)
	}
	dies(t, s, site, 1, site.ip)
	returns(t, s, site, 1, site.ip)

	s.reload(t, strings.Replace(with, "    watch\n", "", 1))
	site.awaitOpen(t, 0)
	s.reload(t, with)
	site.awaitOpen(t, 1)
	other := watchedRecord("other", site.ip, "none", "")
	s.reload(t, zone(strings.Replace(other, "check none {\n            \n        }", "check none", 1)))
	site.awaitOpen(t, 0)
	mustAnswer(t, s, "other.example.org", dns.TypeA, site.ip)
	s.reload(t, with)
	site.awaitOpen(t, 1)
	if code := s.terminate(t); code != 0 {
		t.Errorf("the exit status is %d, want 0", code)
	}
	site.awaitOpen(t, 0)
}

// everywhere is a target at all addresses of 127.0.0.0/8.
func everywhere(t testing.TB, b behaviour) *target {
	t.Helper()
	return startTargetsAt(t, []string{"0.0.0.0"}, nil, b)[0]
}

// watchedRecords are n records, r0 and so on, whose primaries have the same port.
// What the process holds is told at {$PPROF}.
func watchedRecords(n int, port, options string) string {
	var lines strings.Builder
	lines.WriteString("    pprof {$PPROF}\n")
	for i := range n {
		lines.WriteString(watchedRecord(fmt.Sprintf("r%d", i), scaledIP(210, i), "tcp "+port, options))
	}
	return watching + zone(lines.String())
}

func pprofVars(t testing.TB) vars {
	t.Helper()
	ip := newIP(t)
	return vars{"PPROF": net.JoinHostPort(ip, freePorts(t, ip, 1)[0])}
}

// holds is what a process holds for each of its connections, if for any. With so many
// records and the race detector, a scrape would take seconds.
func (s *server) holds(t testing.TB) (descriptors, goroutines int) {
	t.Helper()
	u, known := s.usage()
	if !known {
		t.Skip("the system does not say what a process holds")
	}
	_, profile := s.get(t, "PPROF", "/debug/pprof/goroutine?debug=1")
	_, _ = fmt.Sscanf(profile, "goroutine profile: total %d", &goroutines)
	return u.descriptors, goroutines
}

// awaitHolds waits until the process holds no more than so many of each, and a few
// that have nothing to do with it.
func (s *server) awaitHolds(t testing.TB, descriptors, goroutines int) {
	t.Helper()
	await(t, func() string {
		if d, g := s.holds(t); d > descriptors+5 || g > goroutines+10 {
			return fmt.Sprintf("there are %d descriptors and %d goroutines, want %d and %d",
				d, g, descriptors, goroutines)
		}
		return ""
	})
}

// Reloads, each of which watches or does not, leave nothing behind.
func TestWatchReloadLeaksNothing(t *testing.T) {
	t.Parallel()
	const many = 50
	site := everywhere(t, silent)
	with := watchedRecords(many, site.port, "import watching")
	without := watchedRecords(many, site.port, "interval 10m")
	fewer := watchedRecords(many/2, site.port, "import watching")
	s := start(t, with, pprofVars(t))
	s.log.await(t, many, "unknown -> healthy")
	s.reload(t, without) // what CoreDNS has once and for all
	s.reload(t, with)
	site.awaitOpen(t, many)
	descriptors, goroutines := s.holds(t)
	for range 7 {
		s.reload(t, without)
		s.reload(t, fewer)
		s.reload(t, with)
	}
	site.awaitOpen(t, many)
	s.awaitHolds(t, descriptors, goroutines)
	s.reload(t, without)
	site.awaitOpen(t, 0)
	s.awaitHolds(t, descriptors-many, goroutines)
	s.mustKeepVerdicts(t)
	s.reload(t, with)
	site.awaitOpen(t, many)
	s.terminate(t)
	site.awaitOpen(t, 0)
}

// A thousand connections cost a descriptor each, and no goroutine. When all end
// at once, all is noticed.
func TestWatchThousand(t *testing.T) {
	t.Parallel()
	const many = 1000
	site := everywhere(t, silent)
	s := start(t, watchedRecords(many, site.port, "interval 10m"), pprofVars(t))
	s.log.await(t, many, "unknown -> healthy")
	descriptors, goroutines := s.holds(t)
	// A short down_interval would give thousands of probes a second.
	const slowly = "watch; interval 10m; fast_interval 10m; down_interval 5s; threshold 3 1"
	s.reload(t, watchedRecords(many, site.port, slowly))
	if warnings := s.log.find("RLIMIT_NOFILE"); len(warnings) > 0 {
		t.Skip(warnings[0])
	}
	site.awaitOpen(t, many)
	s.awaitHolds(t, descriptors+many, goroutines)
	d, g := s.holds(t)
	t.Logf("%d connections: %d descriptors and %d goroutines, %d and %d without", many, d, g, descriptors, goroutines)
	if site.probes() != 2*many {
		t.Errorf("the target has had %d connections, want %d", site.probes(), 2*many)
	}

	before, died := len(s.log.transitions()), time.Now()
	site.stop()
	s.awaitAll(t, many, func(int) string { return lastResort })
	t.Logf("all have switched after %v", time.Since(died).Round(time.Millisecond))
	s.log.await(t, many, ": healthy -> unhealthy")
	if got := len(s.log.transitions()) - before; got != many {
		t.Errorf("there are %d transitions, want %d", got, many)
	}
	s.awaitHolds(t, descriptors, goroutines)
	site.start(t)
	s.awaitAll(t, many, func(i int) string { return scaledIP(210, i) })
	site.awaitOpen(t, many)
}

// awaitAll waits until each of n records has its answer.
func (s *server) awaitAll(t testing.TB, n int, want func(record int) string) {
	t.Helper()
	for i := range n {
		awaitAnswer(t, s, fmt.Sprintf("r%d.example.org", i), dns.TypeA, want(i))
	}
}

// Where there are too few descriptors for all, the log says so; the checks that have no
// connection are probed as usual.
func TestWatchFewDescriptors(t *testing.T) {
	t.Parallel()
	const limit, many = 160, 60
	const most = limit / 4
	site := everywhere(t, silent)
	script := writeFile(t, "coredns", fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", limit, program))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	s := launchProgram(t, script, watchedRecords(many, site.port, "watch; interval 500ms"), pprofVars(t))
	s.awaitStart(t)
	s.log.await(t, many, "unknown -> healthy")
	s.log.await(t, 1, "[WARNING] plugin/failover: ", fmt.Sprintf(
		"%d checks have watch, but RLIMIT_NOFILE (%d) leaves descriptors for %d of them", many, limit, most))
	site.awaitProbes(t, 3*many)
	site.awaitOpen(t, most)
	s.mustKeepVerdicts(t)
	site.stop()
	s.awaitAll(t, many, func(int) string { return lastResort })
	site.start(t)
	s.awaitAll(t, many, func(i int) string { return scaledIP(210, i) })
	site.awaitOpen(t, most)
}
