package probe_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
)

// icmpCheck is a check as package corefile makes it of "check icmp".
func icmpCheck() model.Check {
	return model.Check{Type: model.ICMP, Schedule: model.Schedule{Timeout: patience}}
}

func at(addr string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(addr), 0) }

// ping probes the kernel of this machine, where it permits that.
func ping(t testing.TB, check model.Check, addr string) error {
	t.Helper()
	err := run(t, check, at(addr))
	if isBroken(err) {
		t.Skip(err)
	}
	return err
}

func TestICMP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"} {
		t.Run(addr, func(t *testing.T) { wantResult(t, ping(t, icmpCheck(), addr), healthy) })
	}
}

func TestICMPAddress(t *testing.T) {
	check := icmpCheck()
	for address, want := range map[string]string{
		"127.0.0.2": healthy, "localhost": healthy, "no..such": `no such host "no..such"`,
	} {
		check.Address = address
		wantResult(t, ping(t, check, "192.0.2.1"), want)
	}
}

func TestICMPAtOnce(t *testing.T) {
	wantResult(t, ping(t, icmpCheck(), "127.0.0.1"), healthy)
	prober := prober(t, icmpCheck(), at("127.0.0.1"))
	results := make(chan error)
	for range 64 {
		go func() { results <- execute(t, prober) }()
	}
	for range 64 {
		wantResult(t, <-results, healthy)
	}
}

// counting counts what a socket is woken for.
type counting struct {
	*icmp.PacketConn
	reads *atomic.Int32
}

func (c counting) ReadFrom(b []byte) (int, net.Addr, error) {
	c.reads.Add(1)
	return c.PacketConn.ReadFrom(b)
}

// On loopback a raw socket is sent the request too.
func TestICMPReadsOnlyItsReply(t *testing.T) {
	var reads atomic.Int32
	probe.ListenICMP(t, func(network, address string) (net.PacketConn, error) {
		if strings.HasPrefix(network, "udp") {
			return nil, syscall.EACCES
		}
		socket, err := icmp.ListenPacket(network, address)
		return counting{socket, &reads}, err
	})
	for _, addr := range []string{"127.0.0.1", "::1"} {
		// What others of this machine are told of comes too, if it does right then.
		for range 5 {
			reads.Store(0)
			wantResult(t, ping(t, icmpCheck(), addr), healthy)
			if reads.Load() == 1 {
				break
			}
		}
		if n := reads.Load(); n != 1 {
			t.Errorf("%d reads for the reply of %s", n, addr)
		}
	}
}

// scene is an ICMP socket whose network is a script: each request that is sent
// brings what answer makes of it.
type scene struct {
	net.PacketConn // of UDP, to itself
	answer         func(request []byte) [][]byte
}

func (s scene) WriteTo(request []byte, _ net.Addr) (int, error) {
	for _, message := range s.answer(request) {
		if _, err := s.PacketConn.WriteTo(message, s.LocalAddr()); err != nil {
			return 0, err
		}
	}
	return len(request), nil
}

func (s scene) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := s.PacketConn.ReadFrom(b)
	return n, &net.IPAddr{IP: net.IPv4(192, 0, 2, 254)}, err
}

// play lets all ICMP of a test happen in a scene.
func play(t testing.TB, answer func(request []byte) [][]byte) {
	probe.ListenICMP(t, func(string, string) (net.PacketConn, error) {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		return scene{socket, answer}, err
	})
}

// replyTo is what an endpoint makes of a request, changed.
func replyTo(request []byte, change func([]byte)) []byte {
	reply := slices.Clone(request)
	reply[0] = byte(ipv4.ICMPTypeEchoReply)
	if request[0] == byte(ipv6.ICMPTypeEchoRequest) {
		reply[0] = byte(ipv6.ICMPTypeEchoReply)
	}
	if change != nil {
		change(reply)
	}
	return reply
}

// unreachable is what a router makes of a request to an address.
func unreachable(code byte, to string, request []byte) []byte {
	addr := netip.MustParseAddr(to)
	message, header := []byte{byte(ipv4.ICMPTypeDestinationUnreachable), code, 0, 0, 0, 0, 0, 0}, make([]byte, 20)
	if addr.Is6() {
		message[0], header = byte(ipv6.ICMPTypeDestinationUnreachable), make([]byte, 40)
	} else {
		header[0] = 0x45
	}
	copy(header[len(header)-addr.BitLen()/8:], addr.AsSlice())
	return slices.Concat(message, header, request[:8])
}

func TestICMPMessages(t *testing.T) {
	const four, six = "192.0.2.1", "2001:db8::1"
	for name, test := range map[string]struct {
		to     string
		answer func(request []byte) [][]byte
		want   string
	}{
		"reply":      {four, func(r []byte) [][]byte { return [][]byte{replyTo(r, nil)} }, healthy},
		"IPv6 reply": {six, func(r []byte) [][]byte { return [][]byte{replyTo(r, nil)} }, healthy},
		"other id": {four, func(r []byte) [][]byte {
			return [][]byte{replyTo(r, func(b []byte) { b[4]++ })}
		}, healthy},
		"noise first": {four, func(r []byte) [][]byte {
			return [][]byte{
				{},
				r, r[:7],
				{0, 0, 0, 0, 0, 0, 0},
				replyTo(r, func(b []byte) { b[6]++ }), replyTo(r, func(b []byte) { b[9]++ }), replyTo(r, nil)[:20],
				append(replyTo(r, nil), 0), replyTo(r, func(b []byte) { b[0] = 11 }),
				replyTo(r, nil),
			}
		}, healthy},
		"others unreachable": {four, func(r []byte) [][]byte {
			other := slices.Clone(r)
			binary.BigEndian.PutUint16(other[4:], binary.BigEndian.Uint16(r[4:])+1)
			long := unreachable(1, four, r)
			long[8] = 0x4f // more header than there is
			return [][]byte{
				unreachable(1, "192.0.2.2", r), unreachable(1, four, other), unreachable(1, four, r)[:30], long,
				unreachable(1, four, r)[:20], unreachable(1, six, r), replyTo(r, nil),
			}
		}, healthy},
		"others unreachable by IPv6": {six, func(r []byte) [][]byte {
			return [][]byte{unreachable(3, "2001:db8::2", r), unreachable(3, six, r)[:40], unreachable(3, six, r)[:50], replyTo(r, nil)}
		}, healthy},
		"network":    {four, func(r []byte) [][]byte { return [][]byte{unreachable(0, four, r)} }, "network unreachable, says 192.0.2.254"},
		"host":       {four, func(r []byte) [][]byte { return [][]byte{unreachable(1, four, r)} }, "no route to host, says 192.0.2.254"},
		"prohibited": {four, func(r []byte) [][]byte { return [][]byte{unreachable(13, four, r)} }, "administratively prohibited, says 192.0.2.254"},
		"odd":        {four, func(r []byte) [][]byte { return [][]byte{unreachable(77, four, r)} }, "destination unreachable (code 77), says 192.0.2.254"},
		"IPv6 host":  {six, func(r []byte) [][]byte { return [][]byte{unreachable(3, six, r)} }, "no route to host, says 192.0.2.254"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, test.answer)
			wantResult(t, run(t, icmpCheck(), at(test.to)), test.want)
		})
	}
}

func TestICMPRequestsDiffer(t *testing.T) {
	var requests []string
	play(t, func(r []byte) [][]byte {
		requests = append(requests, string(r[4:]))
		return [][]byte{replyTo(r, nil)}
	})
	run(t, icmpCheck(), at("192.0.2.1"))
	run(t, icmpCheck(), at("192.0.2.1"))
	if len(requests) != 2 || requests[0] == requests[1] || len(requests[0]) != 20 {
		t.Errorf("%q", requests)
	}
}

// A machine that permits no ICMP says nothing about any target.
func TestICMPSockets(t *testing.T) {
	const forbidden = "cannot probe: ICMP is not permitted: have the group of this process in sysctl " +
		"net.ipv4.ping_group_range, or give it the capability CAP_NET_RAW"
	refuse := func(err error) error { return os.NewSyscallError("socket", err) }
	for name, test := range map[string]struct {
		unprivileged, raw error
		want              string
		networks          []string
	}{
		"unprivileged":  {nil, nil, healthy, []string{"udp4"}},
		"raw":           {refuse(syscall.EACCES), nil, healthy, []string{"udp4", "ip4:icmp"}},
		"neither":       {refuse(syscall.EACCES), refuse(syscall.EPERM), forbidden, []string{"udp4", "ip4:icmp"}},
		"neither, EACC": {refuse(syscall.EPERM), refuse(syscall.EACCES), forbidden, []string{"udp4", "ip4:icmp"}},
		"too many": {
			refuse(syscall.EMFILE), refuse(syscall.EMFILE),
			"cannot probe: too many open files in this process",
			[]string{"udp4", "ip4:icmp"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var networks []string
			var address net.Addr
			probe.ListenICMP(t, func(network, _ string) (net.PacketConn, error) {
				networks = append(networks, network)
				err := test.raw
				if network == "udp4" {
					err = test.unprivileged
				}
				if err != nil {
					return nil, err
				}
				socket := must(net.ListenPacket("udp", "127.0.0.1:0"))
				replying := scene{socket, func(r []byte) [][]byte { return [][]byte{replyTo(r, nil)} }}
				return addressing{replying, &address}, nil
			})
			err := run(t, icmpCheck(), at("192.0.2.1"))
			wantResult(t, err, test.want)
			if isBroken(err) != (err != nil) {
				t.Errorf("broken is %t", isBroken(err))
			}
			if !slices.Equal(networks, test.networks) {
				t.Errorf("tried %q", networks)
			}
			_, raw := address.(*net.IPAddr)
			if err == nil && raw != (len(networks) == 2) {
				t.Errorf("sent to %#v", address)
			}
		})
	}
}

// addressing remembers where a request was sent to.
type addressing struct {
	scene
	to *net.Addr
}

func (a addressing) WriteTo(b []byte, to net.Addr) (int, error) {
	*a.to = to
	return a.scene.WriteTo(b, to)
}

// unsent is a socket that can send nothing.
type unsent struct {
	net.PacketConn
	err error
}

func (u unsent) WriteTo([]byte, net.Addr) (int, error) { return 0, u.err }

func TestICMPNotSent(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENETUNREACH:  "network unreachable",
		syscall.EHOSTUNREACH: "no route to host",
		syscall.EPERM:        "cannot probe: forbidden by a rule of this machine",
	} {
		probe.ListenICMP(t, func(string, string) (net.PacketConn, error) {
			return unsent{must(net.ListenPacket("udp", "127.0.0.1:0")), os.NewSyscallError("sendto", err)}, nil
		})
		wantResult(t, run(t, icmpCheck(), at("192.0.2.1")), want)
	}
}

func TestICMPTimeout(t *testing.T) {
	play(t, func([]byte) [][]byte { return nil })
	wantResult(t, runFor(t, brief, icmpCheck(), at("192.0.2.1")), "no answer within 500ms")
}

func TestICMPCancel(t *testing.T) {
	reached := make(chan struct{}, 1)
	play(t, func([]byte) [][]byte { reached <- struct{}{}; return nil })
	wantCancelled(t, icmpCheck(), at("192.0.2.1"), reached)
}
