package model

import (
	"net/netip"
	"time"
)

// Process is what the directive without a name says: settings of the whole
// process. Only one server block may have them.
type Process struct {
	// Place is where the directive stands, as FILE:LINE.
	Place string
	// Guard checks the server's own uplink; nil where there is none. Its Address
	// is set, and is the default of its Host.
	Guard *Check
	// Resolver lists whom to ask for an alias where the plugins behind this one
	// give no answer, in the order of the Corefile, each once.
	Resolver []netip.AddrPort
	// Stale is how long an alias keeps its addresses without any answer:
	// 0..168h.
	Stale time.Duration
}

// DefaultStale is Stale where no directive says otherwise.
const DefaultStale = time.Hour
