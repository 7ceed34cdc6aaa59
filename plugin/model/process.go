package model

import (
	"net/netip"
	"path/filepath"
	"slices"
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
	// Admin is where the process is seen and steered; nil where it is not.
	Admin *Admin
	// StateFile keeps what is known over a restart; nil where nothing does.
	StateFile *StateFile
	// Notify lists who is told of switches, each URL once.
	Notify []Notify
	// StatusTo lists who may ask for the status of a record by DNS.
	StatusTo []netip.Prefix
}

// DefaultStale is Stale where no directive says otherwise.
const DefaultStale = time.Hour

// DefaultStatusTo is StatusTo where no directive says otherwise: loopback.
var DefaultStatusTo = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Admin is the HTTP listener of the admin API. It is comparable. Files are
// named by path: each request uses what they hold by then.
type Admin struct {
	// Addr is HOST:PORT as written, where HOST is an IP address, "localhost" or
	// empty, which is every address of the machine.
	Addr string
	// TokenFile lists the bearer tokens and their roles; empty without.
	TokenFile string
	// WebConfig is a file of the Prometheus exporter toolkit, for TLS and client
	// certificates; empty without.
	WebConfig string
}

// StateFile is a file that keeps verdicts over a restart. It is comparable.
type StateFile struct {
	Path string
	// MaxAge is how old a verdict may be to be the first one of a new process:
	// 1s..168h.
	MaxAge time.Duration
}

// DefaultMaxAge is MaxAge where no directive says otherwise.
const DefaultMaxAge = 10 * time.Minute

// Notify is a receiver of notifications. It is comparable.
type Notify struct {
	// URL is where notifications are posted: http or https.
	URL string
	// SecretFile holds the key that signs them; empty without.
	SecretFile string
	// Header holds the lines of "header NAME VALUE", as Request.Header does.
	Header string
	// TLS says how an https receiver is verified.
	TLS TLSOptions
	// Timeout of one delivery: 100ms..1m.
	Timeout time.Duration
}

// DefaultNotifyTimeout is Timeout where no directive says otherwise.
const DefaultNotifyTimeout = 5 * time.Second

// In returns the settings with relative paths taken from dir, as CoreDNS's other
// plugins take them from the root of a server block.
func (p Process) In(dir string) Process {
	if p.Guard != nil {
		guard := *p.Guard
		guard.TLS = guard.TLS.In(dir)
		p.Guard = &guard
	}
	if p.Admin != nil {
		p.Admin = &Admin{p.Admin.Addr, in(dir, p.Admin.TokenFile), in(dir, p.Admin.WebConfig)}
	}
	if p.StateFile != nil {
		p.StateFile = &StateFile{in(dir, p.StateFile.Path), p.StateFile.MaxAge}
	}
	p.Notify = slices.Clone(p.Notify)
	for i := range p.Notify {
		n := &p.Notify[i]
		n.SecretFile, n.TLS = in(dir, n.SecretFile), n.TLS.In(dir)
	}
	return p
}

// in returns path as seen from dir; an empty one stays empty.
func in(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
