package probe

import (
	"context"
	"net/netip"
	"time"
)

// probeICMP is healthy when the endpoint sends back what an echo request held
// (RFC 792, RFC 4443 4.1). Where this machine lets the process neither ping nor
// open a raw socket, the check is *Broken.
//
// One request is sent: what gets lost counts towards the threshold.
func probeICMP(ctx context.Context, e *execution) error {
	to, err := e.resolve(ctx)
	if err != nil {
		return err
	}
	sent := newEcho(to)
	socket, err := e.openICMP(ctx, sent)
	if err != nil {
		return err
	}
	defer socket.Close()
	defer tie(ctx, socket)()

	start := time.Now()
	if err := socket.send(sent); err != nil {
		return e.failure(ctx, sending, err)
	}
	if err := e.awaitEcho(ctx, socket, sent); err != nil {
		return err
	}
	e.connect = time.Since(start)
	return nil
}

// resolve returns the address to probe: of a host name the first that a
// connection would try.
func (e *execution) resolve(ctx context.Context) (netip.Addr, error) {
	if e.check.Address == "" {
		return e.addr.Unmap(), nil
	}
	found, err := resolver.LookupNetIP(ctx, "ip", e.check.Address)
	if err != nil {
		return netip.Addr{}, e.failure(ctx, connecting, err)
	}
	return found[0].Unmap(), nil
}

// maxICMP is how many bytes of a message are read: more than an echo has, and
// enough of an unreachable that tells of one.
const maxICMP = 512

// awaitEcho reads until the reply to sent comes, or a router says that sent did
// not arrive. A raw socket also gets what others are sent.
func (e *execution) awaitEcho(ctx context.Context, socket echoSocket, sent echo) error {
	buffer := make([]byte, maxICMP)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return e.failure(ctx, waiting, err)
		}
		if replied, err := sent.answered(buffer[:n], from); replied || err != nil {
			return err
		}
	}
}
