package test_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/miekg/dns"
)

// loopbackBroadcast is loopback's broadcast address, whose echo requests Linux
// does not answer.
const loopbackBroadcast = "127.255.255.255"

// pinging is a record whose targets are asked for an echo.
const pinging = `
    failover www.example.org {
        primary {$PRIMARY}
        secondary {$SECONDARY}
        check icmp {
            timeout 500ms
            import fast
        }
    }
`

// Targets are told apart by their echoes, over IPv4 and IPv6.
func TestHealthICMP(t *testing.T) {
	t.Parallel()
	needPing(t)
	secondary := newIP(t)
	s := start(t, zone(pinging+`
    failover v6.example.org {
        primary ::1
        check icmp {
            import fast
        }
    }
    failover inverted.example.org {
        primary {$SECONDARY}
        secondary {$PRIMARY}
        check icmp {
            invert
            timeout 500ms
            import fast
        }
    }
`), vars{"PRIMARY": loopbackBroadcast, "SECONDARY": secondary})
	s.log.await(t, 1, "record www.example.org, tier 2, target "+secondary+", check icmp", "unknown -> healthy")
	s.log.await(t, 1, "record www.example.org, tier 1, target "+loopbackBroadcast+", check icmp", "unknown -> unhealthy", "no answer within 500ms")
	s.log.await(t, 1, "record v6.example.org, tier 1, target ::1, check icmp", "unknown -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, secondary)
	awaitAnswer(t, s, "inverted.example.org", dns.TypeA, loopbackBroadcast)
	s.awaitMetric(t, 0, "checks_broken")
}

// needPing skips a test where this process may not ping.
func needPing(t testing.TB) {
	t.Helper()
	socket, err := net.ListenPacket("ip4:icmp", "127.0.0.1")
	if err != nil {
		t.Skipf("to test check icmp, run as root (%v)", err)
	}
	socket.Close()
}

// withoutPing is the path of a script that runs a program that may not ping: it
// has no CAP_NET_RAW, and a group that sysctl ping_group_range can not have.
func withoutPing(t testing.TB, program string) string {
	t.Helper()
	tool, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("to test a CoreDNS that may not ping, install util-linux")
	}
	run := fmt.Sprintf("exec %s --regid=4294967294 --clear-groups --bounding-set=-net_raw --inh-caps=-net_raw ", tool)
	if out, err := exec.Command("/bin/sh", "-c", run+"true").CombinedOutput(); err != nil {
		t.Skipf("to test a CoreDNS that may not ping, run as root: %v: %s", err, out)
	}
	script := writeFile(t, "coredns", "#!/bin/sh\n"+run+program+" \"$@\"\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	return script
}

// Where ICMP is not permitted that says nothing about a target: the check is
// broken, which log and metrics say, its targets stay as they are, and all other
// checks go on.
func TestHealthICMPNotPermitted(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	corefile := zone(pinging + `
    failover web.example.org {
        primary {$T1}
        secondary {$T2}
        check http {
            port {$TARGET_PORT}
            import fast
        }
    }
`)
	secondary := newIP(t)
	s := launchProgram(t, withoutPing(t, program), corefile, sites.vars(), vars{"PRIMARY": loopbackBroadcast, "SECONDARY": secondary})
	s.awaitStart(t)
	const why = "check icmp: broken, its verdict stays as it is: cannot probe: ICMP is not permitted: " +
		"have the group of this process in sysctl net.ipv4.ping_group_range, or give it the capability CAP_NET_RAW"
	for tier, target := range map[int]string{1: loopbackBroadcast, 2: secondary} {
		s.log.await(t, 1, fmt.Sprintf("[ERROR] plugin/failover: record www.example.org, tier %d, target %s, ", tier, target)+why)
	}
	s.awaitMetric(t, 2, "checks_broken")
	mustAnswer(t, s, "www.example.org", dns.TypeA, loopbackBroadcast)
	s.awaitMetric(t, 2, "target_healthy", `record="www.example.org"`)

	sites[0].stop()
	awaitAnswer(t, s, "web.example.org", dns.TypeA, sites[1].ip)
	mustAnswer(t, s, "www.example.org", dns.TypeA, loopbackBroadcast)
	if lines := s.log.find("check icmp: broken"); len(lines) != 2 {
		t.Errorf("the log says %q, want one line for each target", lines)
	}
	if broken := s.metric(t, "probes_total", `type="icmp"`, `result="broken"`); broken < 2 {
		t.Errorf("%v probes are counted as broken", broken)
	}
}
