package probe

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// family is what differs between ICMP for IPv4 and for IPv6.
type family struct {
	unprivileged, raw, any string // to listen by and on
	request                icmp.Type
	reply, unreachable     byte            // types
	reasons                map[byte]string // codes of unreachable
	original               func(packet []byte) (to netip.Addr, message []byte)
}

var icmpv4 = &family{
	unprivileged: "udp4", raw: "ip4:icmp", any: "0.0.0.0",
	request:     ipv4.ICMPTypeEcho,
	reply:       byte(ipv4.ICMPTypeEchoReply),
	unreachable: byte(ipv4.ICMPTypeDestinationUnreachable),
	reasons: map[byte]string{ // RFC 792; RFC 1812, 5.2.7.1
		0: "network unreachable", 1: "no route to host", 2: "ICMP not accepted",
		9: "administratively prohibited", 10: "administratively prohibited", 13: "administratively prohibited",
	},
	original: originalIPv4,
}

var icmpv6 = &family{
	unprivileged: "udp6", raw: "ip6:ipv6-icmp", any: "::",
	request:     ipv6.ICMPTypeEchoRequest,
	reply:       byte(ipv6.ICMPTypeEchoReply),
	unreachable: byte(ipv6.ICMPTypeDestinationUnreachable),
	reasons: map[byte]string{ // RFC 4443, 3.1
		0: "network unreachable", 1: "administratively prohibited", 3: "no route to host",
		5: "administratively prohibited", 6: "network unreachable",
	},
	original: originalIPv6,
}

func familyOf(addr netip.Addr) *family {
	if addr.Is4() {
		return icmpv4
	}
	return icmpv6
}

// echo is one echo request.
type echo struct {
	*family
	to      netip.Addr
	id, seq uint16
	payload [16]byte
}

// newEcho returns an echo that no one can guess: what comes back has been to the
// endpoint.
func newEcho(to netip.Addr) echo {
	e := echo{family: familyOf(to), to: to}
	var random [4]byte
	rand.Read(random[:])
	rand.Read(e.payload[:])
	e.id, e.seq = binary.BigEndian.Uint16(random[:]), binary.BigEndian.Uint16(random[2:])
	return e
}

// message is what goes on the wire. The kernel puts in the checksum of ICMPv6
// (RFC 3542, 3.1), and of an unprivileged socket the id.
func (e echo) message() ([]byte, error) {
	body := &icmp.Echo{ID: int(e.id), Seq: int(e.seq), Data: e.payload[:]}
	return (&icmp.Message{Type: e.request, Body: body}).Marshal(nil)
}

// headerLength is that of an echo, its reply and a destination unreachable: type
// and code, checksum, id and sequence number.
const headerLength = 8

// answered reports whether message is the reply to e, and fails where it says
// that e could not be delivered.
func (e echo) answered(message []byte, from net.Addr) (bool, error) {
	if len(message) < headerLength {
		return false, nil
	}
	switch message[0] {
	case e.reply:
		return e.isRepeatedBy(message), nil
	case e.unreachable:
		if e.isIn(message[headerLength:]) {
			return false, fmt.Errorf("%s, says %s", e.reason(message[1]), from)
		}
	}
	return false, nil
}

// isRepeatedBy does not look at the id, which the kernel may have changed: the
// payload says more.
func (e echo) isRepeatedBy(reply []byte) bool {
	return binary.BigEndian.Uint16(reply[6:]) == e.seq && bytes.Equal(reply[headerLength:], e.payload[:])
}

// isIn reports whether a packet, of which there may be only the first 8 bytes
// after its header (RFC 792), is e.
func (e echo) isIn(packet []byte) bool {
	to, message := e.original(packet)
	return to == e.to.WithZone("") && len(message) >= headerLength &&
		binary.BigEndian.Uint16(message[4:]) == e.id && binary.BigEndian.Uint16(message[6:]) == e.seq
}

func (f *family) reason(code byte) string {
	if words, ok := f.reasons[code]; ok {
		return words
	}
	return fmt.Sprintf("destination unreachable (code %d)", code)
}

// originalIPv4 takes the header off a packet (RFC 791, 3.1).
func originalIPv4(packet []byte) (to netip.Addr, message []byte) {
	const fixed = 20
	if len(packet) < fixed {
		return netip.Addr{}, nil
	}
	length := int(packet[0]&0xf) * 4
	return netip.AddrFrom4([4]byte(packet[16:fixed])), packet[min(length, len(packet)):]
}

// originalIPv6 takes the header off a packet (RFC 8200, 3). An echo request has
// no extension headers.
func originalIPv6(packet []byte) (to netip.Addr, message []byte) {
	const fixed = 40
	if len(packet) < fixed {
		return netip.Addr{}, nil
	}
	return netip.AddrFrom16([16]byte(packet[24:fixed])), packet[fixed:]
}
