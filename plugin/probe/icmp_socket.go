package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/icmp"
)

// echoSocket sends and receives ICMP messages. An unprivileged one gets only the
// replies to its own requests; a raw one gets all that this machine is sent.
type echoSocket struct {
	net.PacketConn
	raw bool
}

// listenICMP opens a socket of network "udp4", "udp6", "ip4:icmp" or
// "ip6:ipv6-icmp". Tests replace it.
var listenICMP = func(network, address string) (net.PacketConn, error) {
	return icmp.ListenPacket(network, address)
}

// errNotPermitted is for a process that may not send an echo request.
var errNotPermitted = errors.New("ICMP is not permitted: " +
	"have the group of this process in sysctl net.ipv4.ping_group_range, or give it the capability CAP_NET_RAW")

// openICMP opens a socket for sent: an unprivileged one where the kernel allows
// it (Linux: where ping_group_range has the process's group), else a raw one.
func (p *plan) openICMP(ctx context.Context, sent echo) (echoSocket, error) {
	f := sent.family
	if opened, err := listenICMP(f.unprivileged, f.any); err == nil {
		return echoSocket{opened, false}, nil
	}
	opened, err := listenICMP(f.raw, f.any)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return echoSocket{}, &Broken{errNotPermitted}
	}
	if err != nil {
		return echoSocket{}, p.failure(ctx, connecting, err)
	}
	sieve(opened, sent)
	return echoSocket{opened, true}, nil
}

func (s echoSocket) send(e echo) error {
	message, err := e.message()
	if err == nil {
		_, err = s.WriteTo(message, s.address(e.to))
	}
	return err
}

// address is to as the socket wants it.
func (s echoSocket) address(to netip.Addr) net.Addr {
	if s.raw {
		return &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}
	}
	return &net.UDPAddr{IP: to.AsSlice(), Zone: to.Zone()}
}
