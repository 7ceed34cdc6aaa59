// Package probe executes checks. A probe is one execution: a context goes in,
// and how quickly the endpoint answered and an error come out. Nil is healthy,
// and the error's text is what the operator reads in log and status, so it is in
// his words.
//
// A probe reuses nothing of the one before and leaves nothing behind: no
// connection, no TLS session, no goroutine; but for a check with watch, which keeps
// one connection open in order to notice when its peer ends it (Watched). One
// deadline, that of the context, holds for everything, and a context that is
// cancelled ends the probe at once. Whatever a server sends, a bounded part of it
// is read.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// types maps a check type to the function that executes it once.
var types = map[model.CheckType]func(context.Context, *execution) error{
	model.HTTP:  probeHTTP,
	model.HTTPS: probeHTTP,
	model.TCP:   probeTCP,
	model.TLS:   probeTLS,
	model.GRPC:  probeGRPC,
	model.DNS:   probeDNS,
	model.ICMP:  probeICMP,
}

// Prober executes one check of one address. There may be tens of thousands of
// them, mostly idle: it is 32 bytes, and shares the rest with the check's other
// addresses. It may be used by several goroutines.
type Prober struct {
	plan *plan
	addr netip.Addr
}

// Probe executes the check once; a nil error is healthy. ctx carries the
// deadline, which is the check's timeout from now.
//
// connect is how long the endpoint took to answer the attempt to reach it: to
// accept a TCP connection (http, https, tcp, tls, grpc; of several, the first),
// or to reply (dns, icmp). The lookup of a host name is not part of it. It is 0
// where the endpoint did not answer, and it may come with an error: one that is
// reached quickly can be unhealthy.
//
// Two errors say nothing about the target: a *Broken, and one that wraps
// context.Canceled, after ctx has been cancelled.
func (p Prober) Probe(ctx context.Context) (connect time.Duration, err error) {
	e := p.execution()
	err = e.run(ctx)
	return e.connect, e.judged(err)
}

func (p Prober) execution() execution { return execution{plan: p.plan, addr: p.addr} }

// errInverted is why a check with invert is unhealthy.
var errInverted = errors.New("the check succeeded, and invert makes that a failure")

// inverted swaps healthy and unhealthy, and leaves alone what is neither.
func inverted(err error) error {
	if err == nil {
		return errInverted
	}
	if _, broken := errors.AsType[*Broken](err); broken || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// plan is a check made ready for its probes. It is read-only once a Kit has
// made it, but for what files keeps, which has a lock of its own.
type plan struct {
	check   *model.Check
	pattern *regexp.Regexp // of body_regexp, nil without
	files   *files
}

// execution is what one probe knows while it runs.
type execution struct {
	*plan
	addr    netip.Addr
	connect time.Duration // 0 until the endpoint has answered
	keep    bool          // the first connection is to be left open, if it can be
	kept    *conn         // that is left open
}

// run executes the check.
func (e *execution) run(ctx context.Context) error {
	grow()
	return types[e.check.Type](ctx, e)
}

// judged returns what the check makes of what a probe found.
func (e *execution) judged(err error) error {
	if e.check.Invert {
		return inverted(err)
	}
	return err
}

// host is whom the probe goes to: an IP address or a host name.
func (e *execution) host() string { return cmp.Or(e.check.Address, e.addr.String()) }

// endpoint is where the probe connects to, as "host:port".
func (e *execution) endpoint() string {
	return net.JoinHostPort(e.host(), strconv.Itoa(int(e.check.Port)))
}

// serverName is what the certificate of the endpoint must be for.
func (e *execution) serverName() string {
	return cmp.Or(e.check.TLS.ServerName, e.check.Host, e.host())
}

// Kit makes the probers of one configuration and lets them share what is equal:
// the check itself, compiled expressions, the contents of files. It keeps all that
// it ever made. It must not be used by several goroutines at once.
type Kit struct {
	seed maphash.Seed
	// plans are known by the hash of their check. Where two have the same one and
	// differ, which is rare, the later takes the place of the other.
	plans    map[uint64]*plan
	patterns map[string]*regexp.Regexp
	files    map[model.TLSOptions]*files
}

// NewKit returns a Kit without content.
func NewKit() *Kit {
	return &Kit{
		seed:     maphash.MakeSeed(),
		plans:    make(map[uint64]*plan),
		patterns: make(map[string]*regexp.Regexp),
		files:    make(map[model.TLSOptions]*files),
	}
}

// Prober returns the prober of check for addr, or for check.Address where that
// is set. The check must not change from then on. It fails on a type that no probe
// exists for, or on a bad expression; package corefile lets neither through.
func (k *Kit) Prober(check *model.Check, addr netip.Addr) (Prober, error) {
	hash := maphash.Comparable(k.seed, *check)
	ready := k.plans[hash]
	if ready == nil || *ready.check != *check {
		var err error
		if ready, err = k.prepare(check); err != nil {
			return Prober{}, err
		}
		k.plans[hash] = ready
	}
	return Prober{plan: ready, addr: addr}, nil
}

func (k *Kit) prepare(check *model.Check) (*plan, error) {
	if types[check.Type] == nil {
		return nil, fmt.Errorf("no probe for checks of type %q", check.Type)
	}
	pattern, err := k.pattern(check.Expect.BodyRegexp)
	if err != nil {
		return nil, err
	}
	return &plan{check: check, pattern: pattern, files: k.filesOf(check.TLS)}, nil
}

func (k *Kit) pattern(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, nil
	}
	if pattern, ok := k.patterns[expression]; ok {
		return pattern, nil
	}
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("body_regexp: %w", err)
	}
	k.patterns[expression] = pattern
	return pattern, nil
}

// filesOf shares files among server names: most checks differ in nothing else.
func (k *Kit) filesOf(options model.TLSOptions) *files {
	options.ServerName = ""
	shared, ok := k.files[options]
	if !ok {
		shared = &files{options: options}
		k.files[options] = shared
	}
	return shared
}
