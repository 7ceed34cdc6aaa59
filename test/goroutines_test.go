package test_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goroutines is how many the process has; the Corefile says "pprof {$PPROF}".
func (s *server) goroutines(t testing.TB) int {
	t.Helper()
	var n int
	_, profile := s.get(t, "PPROF", "/debug/pprof/goroutine?debug=1")
	if _, err := fmt.Sscanf(profile, "goroutine profile: total %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// ofChecks is a Corefile with n checks, each of an address of its own.
func ofChecks(n int, check string) string {
	var records strings.Builder
	for i := range n {
		fmt.Fprintf(&records, "    failover r%d.example.org {\n        primary %s\n        %s\n    }\n", i, scaledIP(204, i), check)
	}
	return zone("    pprof {$PPROF}\n" + records.String())
}

// thousand is how many checks there are, against one.
const thousand = 1000

// profiled starts a program with a Corefile that has pprof.
func profiled(t *testing.T, program, corefile string) *server {
	t.Helper()
	ip := newIP(t)
	pprof := net.JoinHostPort(ip, freePorts(t, ip, 1)[0])
	s := launchProgram(t, program, corefile, vars{"PPROF": pprof})
	s.awaitStart(t)
	s.awaitListening(t, pprof)
	return s
}

// A thousand checks that wait for their time have no goroutine more than one.
func TestIdleChecksHaveNoGoroutines(t *testing.T) {
	t.Parallel()
	settled := func(n int) *server {
		c := startCrowd(t)
		s := profiled(t, program, ofChecks(n, "check tcp "+c.port+" {\n interval 1h\n }"))
		c.await(t, n)
		return s
	}
	few, many := settled(1), settled(thousand)
	await(t, func() string {
		if one, all := few.goroutines(t), many.goroutines(t); all > one+5 {
			return fmt.Sprintf("%d checks have %d goroutines, one has %d", thousand, all, one)
		}
		return ""
	})
}

// descriptorsOf is how many descriptors a process may open that is given few: 200
// probes at once, and half as many beside them of targets that hang.
const (
	descriptorsOf = 600
	probesOf      = 300
)

// A thousand targets that hang take no more goroutines than probes may be under way,
// which goes by the descriptors.
func TestHangingTargetsHaveNoMoreGoroutinesThanProbes(t *testing.T) {
	t.Parallel()
	hang, err := net.Listen("tcp4", "0.0.0.0:0") // connections open, and are never accepted
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hang.Close() })
	_, port, _ := net.SplitHostPort(hang.Addr().String())
	limited := filepath.Join(t.TempDir(), "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", descriptorsOf, program)
	if err := os.WriteFile(limited, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	idle := profiled(t, program, ofChecks(1, "check tcp "+port+" {\n interval 1h\n }")).goroutines(t)

	s := profiled(t, limited, ofChecks(thousand, "check http / {\n port "+port+"\n interval 1s\n timeout 1s\n threshold 1\n }"))
	s.log.await(t, thousand, "unknown -> unhealthy")
	await(t, func() string { // for a moment more may be about to be put off
		if n := s.goroutines(t); n > idle+probesOf+20 {
			return fmt.Sprintf("%d targets that hang have %d goroutines, where one that is idle has %d", thousand, n, idle)
		}
		return ""
	})
}
