package probe

import (
	"net"
	"testing"
)

// ListenICMP replaces how ICMP sockets are opened until t ends, which must not
// run in parallel with others.
func ListenICMP(t testing.TB, listen func(network, address string) (net.PacketConn, error)) {
	before := listenICMP
	t.Cleanup(func() { listenICMP = before })
	listenICMP = listen
}
