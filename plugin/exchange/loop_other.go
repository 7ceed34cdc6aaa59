//go:build !linux

package exchange

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Loop begins no exchange here.
type Loop struct{}

// Start returns nil.
func (*Loop) Start(netip.AddrPort, Manner, Handler) *Call { return nil }

// Call is an exchange under way, of which there is none here.
type Call struct {
	Stage   Stage
	Connect time.Duration
}

// Cancel does nothing.
func (*Call) Cancel() {}

// Close does nothing.
func (*Call) Close() {}

// Detach fails.
func (*Call) Detach() (net.Conn, error) { return nil, errors.ErrUnsupported }
