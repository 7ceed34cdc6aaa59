//go:build unix

package probe_test

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// full returns the address of a listener that takes no more connections: the
// kernel drops what would not fit its backlog, as a far firewall does.
func full(t *testing.T) netip.AddrPort {
	t.Helper()
	loopback := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	fd := socket(t)
	ensure(t, syscall.Bind(fd, loopback))
	ensure(t, syscall.Listen(fd, 0))
	name := must(syscall.Getsockname(fd)).(*syscall.SockaddrInet4)
	for range 8 {
		waiting := socket(t)
		ensure(t, syscall.SetNonblock(waiting, true))
		_ = syscall.Connect(waiting, name) // in progress
	}
	return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
}

func socket(t *testing.T) int {
	t.Helper()
	fd := must(syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0))
	t.Cleanup(func() { syscall.Close(fd) })
	return fd
}

func ensure(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoConnection(t *testing.T) {
	server := full(t)
	const timeout = 50 * time.Millisecond
	wantResult(t, runFor(t, timeout, tcpCheck(server), server), "no connection within 50ms")
	wantResult(t, runFor(t, timeout, httpCheck(server), server), "no connection within 50ms")
	wantResult(t, runFor(t, timeout, tlsCheck(server), server), "no connection within 50ms")
	wantResult(t, runFor(t, timeout, grpcCheck(server), server), "no connection within 50ms")
}

// No packet leaves this machine: TCP knows no multicast.
func TestNetworkUnreachable(t *testing.T) {
	group := netip.MustParseAddrPort("224.0.0.1:80")
	wantResult(t, run(t, tcpCheck(group), group), "network unreachable")
}

// Without descriptors nothing can be said about a target, nor about a name.
func TestTooManyOpenFiles(t *testing.T) {
	server := serve(t, silent)
	check := tcpCheck(server)
	wantResult(t, run(t, check, server), healthy)
	named := check
	named.Address = "host.invalid."

	var before syscall.Rlimit
	ensure(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	others := []model.Check{tlsCheck(server), grpcCheck(server), dnsCheck(server), icmpCheck()}
	none := before
	none.Cur = 3
	ensure(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	err, lookup := run(t, check, server), run(t, named, server)
	var errs []error
	for _, other := range others {
		errs = append(errs, run(t, other, server))
	}
	ensure(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))

	for _, err := range append(errs, err) {
		wantResult(t, err, "cannot probe: too many open files in this process")
	}
	const start = `cannot probe: the resolver does not say what "host.invalid." is: `
	if lookup == nil || !strings.HasPrefix(lookup.Error(), start) {
		t.Errorf("got %v", lookup)
	}
	if !isBroken(err) || !isBroken(lookup) {
		t.Error("not broken")
	}
}
