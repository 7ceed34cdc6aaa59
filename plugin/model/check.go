package model

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"
)

// CheckType names what a probe does.
type CheckType string

// The check types.
const (
	HTTP      CheckType = "http"
	HTTPS     CheckType = "https"
	TCP       CheckType = "tcp"
	TLS       CheckType = "tls"
	GRPC      CheckType = "grpc"
	DNS       CheckType = "dns"
	ICMP      CheckType = "icmp"
	Heartbeat CheckType = "heartbeat"
)

// Check is how the health of one target is learned: what is sent where, which
// answer is healthy, and when. It holds everything that matters to the result
// and nothing else, and it is comparable: two equal checks of one address are
// the same check, and are probed once.
//
// "check none" has no value: a target that says so has no checks.
type Check struct {
	Type CheckType

	// Address is probed in place of the target; empty means the target. It is
	// an IP address or a host name.
	Address string
	// Port is 1..65535, or 0 where the check type has none.
	Port uint16
	// Host is the Host header, and the authority of gRPC: the record's name
	// without the final dot, or a guard's Address, unless the Corefile gives
	// another.
	Host string

	Request Request
	Expect  Expect
	TLS     TLSOptions

	Schedule  Schedule
	Threshold Threshold

	// Invert makes a failed probe healthy and a good one unhealthy.
	Invert bool
	// Disabled means never probed and always healthy; with Invert, always
	// unhealthy (Route 53's "disabled" health check).
	Disabled bool
	// Watch keeps a connection open, to look at once when the peer closes it.
	Watch bool
}

// Request is what a probe sends.
type Request struct {
	Method string // http, https
	Path   string // http, https: with its query
	// Header holds the lines of "header NAME VALUE" as they go on the wire,
	// each "Name: value\r\n", in the order of the Corefile.
	Header          string
	FollowRedirects bool
	Send            string // tcp: the bytes to send once connected
	Service         string // grpc: empty means the whole server
	Name            string // dns: the name to ask for; heartbeat: the ID
	QueryType       uint16 // dns
}

// MaxBody is how many bytes of a body are read and searched (Route 53's limit).
const MaxBody = 5120

// Expect is what a healthy answer looks like. An empty string expects nothing.
type Expect struct {
	Status StatusSet // http, https
	// Body must occur in the first MaxBody bytes of the body.
	Body string
	// BodyRegexp must match there (RE2 syntax).
	BodyRegexp string
	// Banner is what the answer of a tcp check must start with.
	Banner string
	// ExpiresIn is how long a tls check's certificate must still be valid.
	ExpiresIn time.Duration
}

// TLSOptions say how a probe that speaks TLS verifies the peer and names
// itself. Files are named by path: each probe uses what they hold now.
type TLSOptions struct {
	// Enabled says that the probe speaks TLS: always for https and tls, where the
	// Corefile says so for grpc.
	Enabled            bool
	ServerName         string // SNI, and the name the certificate must have
	CertFile, KeyFile  string // client certificate; both or none
	CAFile             string // empty means the system's roots
	InsecureSkipVerify bool
}

// In returns the options with relative paths taken from dir, as CoreDNS's other
// plugins take them from the root of a server block.
func (o TLSOptions) In(dir string) TLSOptions {
	o.CertFile, o.KeyFile, o.CAFile = in(dir, o.CertFile), in(dir, o.KeyFile), in(dir, o.CAFile)
	return o
}

// Schedule says when a check is probed.
type Schedule struct {
	Interval     time.Duration // while stable: at least 100ms
	FastInterval time.Duration // while a run of results could change the verdict
	DownInterval time.Duration // while stably unhealthy
	Timeout      time.Duration // of one probe, all in all: at most Interval
	Jitter       int           // in percent of the interval, 0..100
}

// Threshold is how many probes in a row change a verdict, each 1..10.
type Threshold struct {
	Fall int // to unhealthy
	Rise int // to healthy
}

// String names the check in a few words: "http :80/healthz", "dns :53 example.org.".
// The query of a path is left out, since that may be a secret.
func (c *Check) String() string {
	s := string(c.Type)
	if c.Port != 0 {
		s += " " + net.JoinHostPort(c.Address, strconv.Itoa(int(c.Port)))
	}
	if of := cmp.Or(c.Request.Service, c.Request.Name); of != "" {
		s += " " + of
	}
	path, _, _ := strings.Cut(c.Request.Path, "?")
	return s + path
}
